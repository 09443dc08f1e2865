from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from footfall.timestamp import iso_from_any, iso_from_ns

VIENNA = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (datetime(2026, 11, 1, 10, 2, 11, 482000), "2026-11-01T10:02:11.482000Z"),
        (datetime(2026, 11, 1, 0, 30, tzinfo=VIENNA), "2026-10-31T23:30:00.000000Z"),
        (datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01T00:00:00.000000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_761_991_331.25, "2025-11-01T10:02:11.250000Z"),
        (-1.5, "1969-12-31T23:59:58.500000Z"),
        ("2026-11-01", "2026-11-01T00:00:00.000000Z"),
        ("2026-11-01T10:02", "2026-11-01T10:02:00.000000Z"),
        ("2026-11-01T10:02:11Z", "2026-11-01T10:02:11.000000Z"),
        ("2026-11-01t10:02:11.4z", "2026-11-01T10:02:11.400000Z"),
        ("2026-11-01 10:02:11.123456789+01:30", "2026-11-01T08:32:11.123456Z"),
        ("2026-11-01T10:02:11-0800", "2026-11-01T18:02:11.000000Z"),
        ("2026-11-01T00:02:11+01", "2026-10-31T23:02:11.000000Z"),
    ],
)
def test_a_timestamp_is_written_in_utc_to_the_microsecond(given: Any, written: str) -> None:
    assert iso_from_any(given) == written


@pytest.mark.parametrize(
    "given",
    [
        "yesterday",
        "",
        "2026-13-01",
        "2026-02-30T10:00:00Z",
        "2026-11-01T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "٢٠٢٦-11-01",
        float("nan"),
        float("inf"),
        1e18,
        True,
        None,
        [],
    ],
)
def test_what_names_no_moment_is_a_value_error(given: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        iso_from_any(given)


def test_the_clocks_reading_is_written_with_its_microseconds() -> None:
    assert iso_from_ns(1_761_991_331_000_007_000) == "2025-11-01T10:02:11.000007Z"
