"""Clients' clocks, as SDKs of the field write them, to UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

#: A year on each side of what databases and time zone shifts can hold.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
#: Milliseconds since 1970 below this are before March 1973: far likelier seconds by mistake.
SMALLEST_EPOCH_MS: Final = 100_000_000_000
#: ISO 8601 with nanoseconds and an offset has 35 characters.
MAX_TIMESTAMP_LENGTH: Final = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_client_clock(value: object) -> datetime:
    """A client's timestamp in UTC: ISO 8601 (no offset means UTC) or epoch milliseconds.

    Digits past the microsecond are cut. Raises ValueError whose text says what to write.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("write ISO 8601 such as 2026-11-23T16:00:11.006Z")
    try:
        if isinstance(value, str) and len(value) > MAX_TIMESTAMP_LENGTH:
            raise ValueError
        if isinstance(value, str) and not value.strip().lstrip("-").isdecimal():
            moment = datetime.fromisoformat(value.strip().upper())
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        else:
            milliseconds = float(value)
            if abs(milliseconds) < SMALLEST_EPOCH_MS:
                raise ValueError
            moment = _EPOCH + timedelta(milliseconds=milliseconds)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "write ISO 8601 such as 2026-11-23T16:00:11.006Z, or milliseconds since 1970"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year {moment.year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return moment
