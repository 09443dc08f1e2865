"""How many hostile requests are sent, and with which dice."""

from __future__ import annotations

import random

import pytest

#: What every test run can afford; ``make fuzz`` asks for ten thousand.
FEW_REQUESTS = 400
#: Odd events that are accepted; ``make fuzz`` asks for fifty thousand.
FEW_EVENTS = 600
#: The few are always the same ones: a change is not blamed for another day's dice.
SEED = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=FEW_REQUESTS, help="hostile requests to send")
    parser.addoption("--events", type=int, default=FEW_EVENTS, help="odd events to accept")
    parser.addoption("--fuzz-seed", type=int, default=None, help="seed of a failed run")


@pytest.fixture
def requests_to_send(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--requests", FEW_REQUESTS))


@pytest.fixture
def events_to_send(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--events", FEW_EVENTS))


@pytest.fixture
def seed(request: pytest.FixtureRequest, requests_to_send: int, events_to_send: int) -> int:
    """The seed, which a failing test prints; a long run rolls its own."""
    given = request.config.getoption("--fuzz-seed", None)
    if given is None:
        is_short = (requests_to_send, events_to_send) == (FEW_REQUESTS, FEW_EVENTS)
        given = SEED if is_short else random.SystemRandom().randrange(1 << 32)
    print(f"again with --fuzz-seed {given}")  # shown by pytest where the test fails
    return int(given)
