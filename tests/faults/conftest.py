"""How long the faults run, and with which dice."""

from __future__ import annotations

import random

import pytest

#: What every test run can afford; ``make faults`` asks for a thousand.
FEW_ROUNDS = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=FEW_ROUNDS, help="rounds of each random fault")
    parser.addoption("--seed", type=int, default=None, help="seed of a failed run, to see it again")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--rounds", FEW_ROUNDS))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """A random source whose seed a failing test prints."""
    given = request.config.getoption("--seed", None)
    seed = random.SystemRandom().randrange(1 << 32) if given is None else int(given)
    print(f"replay with --seed {seed}")  # shown by pytest where the test fails
    return random.Random(seed)
