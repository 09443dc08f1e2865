"""What is usual for a day of the week, from the same weekday of the weeks before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, sqrt
from statistics import median

#: Weeks compared: two months follow a product's growth, and one holiday does not change a median.
WEEKS = 8
#: With fewer weeks than this a median means little.
MIN_WEEKS = 4
#: Half and double. Seasons, campaigns and holidays change a weekday's count by tens of per cent.
#: A dead tag, a broken release or a tag that fires twice changes it by half or more.
FEWEST = 0.5
MOST = 2.0
#: The standard deviation of a count of independent events is its square root. Chance reaches four
#: times that once in 16,000 days. This prevents alerts for a count of five a day.
DEVIATIONS = 4.0


@dataclass(frozen=True)
class Expectation:
    """What a day's count is, and what is expected from the same weekday of the weeks before.

    Bounds are inclusive. They are None if there is too little to compare with; ``reason`` says why.
    """

    seen: int
    weeks: Mapping[date, int]
    expected: float | None
    at_least: int | None
    at_most: int | None
    reason: str

    @property
    def is_usual(self) -> bool:
        """Within the bounds, or without any."""
        return (self.at_least is None or self.seen >= self.at_least) and (
            self.at_most is None or self.seen <= self.at_most
        )


def compare(day: date, counts: Mapping[date, int], first_day: date) -> Expectation:
    """Compare a day's count with the median of the same weekday of up to eight weeks before.

    Days up to ``first_day`` do not count, because its own count is of a part of it. Later days
    without a count do, as 0.
    """
    seen = counts.get(day, 0)
    same_weekdays = [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    weeks = {each: counts.get(each, 0) for each in same_weekdays if each > first_day}
    if len(weeks) < MIN_WEEKS:
        reason = f"{len(weeks)} weeks are known, {MIN_WEEKS} are needed"
        return Expectation(seen, weeks, None, None, None, reason)
    expected = median(weeks.values())
    if not expected:
        return Expectation(seen, weeks, 0, None, None, "silent on most of these weekdays")
    noise = DEVIATIONS * sqrt(expected)
    at_least = max(0, ceil(min(FEWEST * expected, expected - noise)))
    at_most = floor(max(MOST * expected, expected + noise))
    if min(weeks.values()):
        # There always were some on this weekday, so a day without any is not chance, however few
        # there usually are.
        at_least = max(1, at_least)
    return Expectation(seen, weeks, expected, at_least, at_most, f"median of {len(weeks)} weeks")
