"""The client's clock and its notation: ISO 8601 in UTC with a Z."""

from __future__ import annotations

import numbers
import re
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_ISO_8601 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


def iso(moment: datetime) -> str:
    """Write a moment in UTC, to the microsecond; a naive one is taken to be UTC."""
    if moment.tzinfo is not None and moment.tzinfo is not timezone.utc:
        moment = moment.astimezone(timezone.utc)
    # The first 26 characters are the moment; an offset of zero may follow.
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def iso_from_ns(unix_ns: int) -> str:
    """Write a reading of ``time.time_ns()``."""
    return iso(datetime.fromtimestamp(unix_ns / 1e9, timezone.utc))


def iso_from_any(given: object) -> str:
    """Write a caller's timestamp: a datetime, ISO 8601 text or seconds since 1970.

    Raises ValueError if it is none of these or no real moment. A guess could put an event on the
    wrong day, so nothing is guessed.
    """
    try:
        if isinstance(given, datetime):
            return iso(given)
        if isinstance(given, str) or _is_numpys_moment(given):
            return iso(_parsed(str(given)))
        if isinstance(given, numbers.Real) and not isinstance(given, bool):
            return iso(_EPOCH + timedelta(seconds=float(given)))
    except OverflowError:
        raise ValueError("timestamp is out of range") from None
    raise ValueError("timestamp is not a datetime, ISO 8601 text or seconds since 1970")


def _is_numpys_moment(given: object) -> bool:
    # numpy is not imported here; its datetime64 is written as ISO 8601 and means UTC.
    return getattr(getattr(given, "dtype", None), "kind", None) == "M"


def _parsed(text: str) -> datetime:
    # datetime.fromisoformat reads neither Z nor 7 fractional digits before Python 3.11.
    match = _ISO_8601.fullmatch(text.strip())
    if match is None:
        raise ValueError("timestamp is not ISO 8601")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction, zone = match.group(7) or "", match.group(8)
    moment = datetime(
        year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")), timezone.utc
    )
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment = moment - offset if zone[0] == "+" else moment + offset
    return moment
