"""What is usual for a weekday: within half and double of its median, and within chance."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from warehouse.weekdays import compare

WEEK = timedelta(weeks=1)


def history(*counts: int) -> dict[date, int]:
    """Counts of the Wednesdays before 10 June, the latest first."""
    return {date(2026, 6, 10) - WEEK * week: count for week, count in enumerate(counts, 1)}


@pytest.mark.parametrize(
    ("seen", "is_usual"), [(49, False), (50, True), (100, True), (200, True), (201, False)]
)
def test_half_and_double_the_median_of_the_weekday_are_the_bounds(
    seen: int, is_usual: bool
) -> None:
    # Four times the root of 100 is less than half of it; one holiday does not move the median.
    counts = history(100, 0, 100, 110, 90) | {date(2026, 6, 10): seen}

    volume = compare(date(2026, 6, 10), counts, date(2026, 5, 5))

    assert volume.expected == 100
    assert len(volume.weeks) == 5
    assert volume.is_usual == is_usual


def test_few_events_scatter_and_are_not_flagged_for_it() -> None:
    counts = history(5, 6, 4, 5)
    first = date(2026, 5, 12)

    assert compare(date(2026, 6, 10), counts | {date(2026, 6, 10): 1}, first).is_usual
    assert compare(date(2026, 6, 10), counts | {date(2026, 6, 10): 13}, first).is_usual


def test_a_silent_day_is_flagged_where_there_always_was_something() -> None:
    assert not compare(date(2026, 6, 10), history(3, 1, 2, 4), date(2026, 5, 12)).is_usual
    assert compare(date(2026, 6, 10), history(3, 0, 2, 4), date(2026, 5, 12)).is_usual


def test_too_little_history_passes_and_says_so() -> None:
    # The first day is no whole day, so three weeks are known.
    volume = compare(date(2026, 6, 10), history(100, 100, 100, 40), date(2026, 5, 13))

    assert volume.is_usual
    assert volume.reason == "3 weeks are known, 4 are needed"


def test_a_source_that_is_mostly_silent_on_the_weekday_has_no_usual() -> None:
    volume = compare(date(2026, 6, 10), history(0, 0, 900, 0, 0), date(2026, 1, 1))

    assert volume.is_usual
    assert volume.reason == "silent on most of these weekdays"
