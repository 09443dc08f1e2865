"""A run is asked for once files have come to rest, once, and never starved."""

from __future__ import annotations

import pytest

from orchestration.debounce import MAX_QUIET_PERIODS, Look

QUIET = 300.0


def asked(looks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """When and for which files a run was asked for, over looks at these seconds."""
    look, requests = Look(), []
    for now, files in looks:
        following = look.after(files, now, QUIET)
        if following.asked_for != look.asked_for:
            requests.append((now, following.asked_for))
        look = following
    return requests


def test_files_are_asked_for_once_they_have_rested() -> None:
    looks = [(0.0, "a"), (60.0, "ab"), (300.0, "ab"), (359.0, "ab"), (360.0, "ab"), (420.0, "ab")]
    assert asked(looks) == [(360.0, "ab")]


def test_a_landing_that_never_rests_is_asked_for_all_the_same() -> None:
    longest = MAX_QUIET_PERIODS * QUIET
    looks = [(60.0 * n, f"{n}") for n in range(40)]
    assert asked(looks) == [(longest, "15"), (longest + 60 + longest, "31")]


def test_an_empty_landing_asks_for_nothing_and_old_files_ask_once() -> None:
    assert asked([(0.0, ""), (1000.0, "")]) == []
    assert asked([(n * 100.0, "a") for n in range(50)]) == [(300.0, "a")]


def test_new_files_after_a_run_wait_for_their_own_rest() -> None:
    looks = [(0.0, "a"), (300.0, "a"), (400.0, "ab"), (650.0, "ab"), (700.0, "ab")]
    assert asked(looks) == [(300.0, "a"), (700.0, "ab")]


def test_a_look_is_kept_from_tick_to_tick() -> None:
    look = Look().after("a", 1.5, QUIET)
    assert Look.from_json(look.to_json()) == look


@pytest.mark.parametrize("text", ["", '{"fil', "[]", "3", '{"of": "another version"}'])
def test_what_another_version_kept_is_no_look(text: str) -> None:
    assert Look.from_json(text) == Look()
