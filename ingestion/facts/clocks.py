"""The timestamps that SDKs write, converted to UTC."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

#: The range that databases hold after any shift of time zones, less a year on each side.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
#: Milliseconds since 1970 below this are before March 1973. They are probably seconds, sent by
#: mistake.
SMALLEST_EPOCH_MS: Final = 100_000_000_000
#: ISO 8601 with nanoseconds and an offset has 35 characters, JavaScript's text of a date with a
#: long name of its zone about 80.
MAX_TIMESTAMP_LENGTH: Final = 128

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC_LENGTH: Final = len("1970-01-01T00:00:00.000000Z")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_MILLISECONDS = re.compile(r"-?\d+(\.\d+)?")
#: Signs of other scripts that mean the same as the ASCII ones: minus, and the Arabic decimal sign.
_SIGNS: Final = {ord("\N{MINUS SIGN}"): "-", ord("\N{ARABIC DECIMAL SEPARATOR}"): "."}
_ZONE = r"(?P<zone>z|utc|gmt|ut)?\s*(?P<offset>[+-]\d{1,2}(?::?\d\d)?)?"
_TIME = r"(?P<time>\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)"
_DAY = rf"(?P<day>{'|'.join(_DAYS)}),?\s+"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_NUMBER = r"(?P<number>\d{1,2})"
_YEAR = r"(?P<year>\d{4})"
_COMMENT = r"(?:\s*\([^()]*\))?"
#: ISO 8601 with a word for the zone, blanks before it, or the zone's name after its offset.
_ISO = re.compile(rf"(?P<date>\d{{4}}-\d\d-\d\d)[t ]\s*{_TIME}\s*{_ZONE}(?P<name>\[[\w/+-]+\])?")
#: RFC 2822, which HTTP and e-mail write: Tue, 10 Nov 2026 10:00:00 +0100
_RFC_2822 = re.compile(
    rf"(?:{_DAY})?{_NUMBER}[ -]{_MONTH}[ -]{_YEAR}\s+{_TIME}\s*{_ZONE}{_COMMENT}"
)
#: JavaScript's Date as text: Tue Nov 10 2026 10:00:00 GMT+0100 (Central European Standard Time)
_JAVASCRIPT = re.compile(rf"{_DAY}{_MONTH}\s+{_NUMBER}\s+{_YEAR}\s+{_TIME}\s*{_ZONE}{_COMMENT}")
#: The date of Unix, Java and Ruby: Tue Nov 10 10:00:00 UTC 2026
_UNIX = re.compile(rf"{_DAY}{_MONTH}\s+{_NUMBER}\s+{_TIME}\s*{_ZONE}\s+{_YEAR}")


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and Z: the form of all clocks in segments."""
    # A tenth of the time of isoformat. Where there are no microseconds, it writes none.
    text: str = msgspec.to_builtins(moment.astimezone(UTC))
    return text if len(text) == _UTC_LENGTH else f"{text[:-1]}.000000Z"


def parse_client_clock(value: object) -> datetime:
    """A client's timestamp in UTC: ISO 8601 (no offset means UTC) or epoch milliseconds.

    A protocol whose clocks are others gives a datetime. It also takes RFC 2822 and the text of a
    JavaScript Date if the zone is UTC, GMT or an offset, digits of any script, and second 60, which
    is the first second of the next minute. Digits past the microsecond are cut. Raises ValueError;
    its text says what to write.
    """
    try:
        if isinstance(value, str):
            moment = _moment(value)
        elif isinstance(value, datetime):
            moment = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = _from_milliseconds(value)
        else:
            raise ValueError
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "write ISO 8601 such as 2026-11-23T16:00:11.006Z, or milliseconds since 1970"
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the year {moment.year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def _from_milliseconds(value: float | str) -> datetime:
    milliseconds = float(value)
    if abs(milliseconds) < SMALLEST_EPOCH_MS:
        raise ValueError
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _moment(text: str) -> datetime:
    if len(text) > MAX_TIMESTAMP_LENGTH:
        raise ValueError
    text = text.strip()
    if not text.isascii():
        text = _in_ascii(text)
    # The dash behind a year: no number.
    if text[4:5] != "-" and _MILLISECONDS.fullmatch(text):
        return _from_milliseconds(text)
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return _spelt_out(text.lower())


def _in_ascii(text: str) -> str:
    """The same clock in ASCII digits and signs, without marks of direction."""
    return "".join(
        str(unicodedata.decimal(each, each))
        for each in unicodedata.normalize("NFKC", text).translate(_SIGNS)
        if unicodedata.category(each) != "Cf"
    ).strip()


def _spelt_out(text: str) -> datetime:
    """Parse a clock with words in it; raises ValueError if it may mean two things."""
    for form in (_ISO, _RFC_2822, _JAVASCRIPT, _UNIX):
        if found := form.fullmatch(text):
            break
    else:
        raise ValueError
    parts = found.groupdict()
    is_plain = form is _ISO and not parts["name"]
    if not (is_plain or parts["zone"] or parts["offset"]):
        raise ValueError  # the zone is not known
    if form is _ISO:
        date = parts["date"]
    else:
        month = _MONTHS.index(parts["month"]) + 1
        date = f"{parts['year']}-{month:02}-{int(parts['number']):02}"
    # Second 60 of a minute is the first second of the next one.
    leaps = parts["time"][5:8] == ":60"
    time = f"{parts['time'][:5]}:59{parts['time'][8:]}" if leaps else parts["time"]
    moment = datetime.fromisoformat(f"{date}T{time}{_offset(parts['offset'])}")
    if parts.get("day") and _DAYS[moment.weekday()] != parts["day"]:
        raise ValueError
    return moment + timedelta(seconds=1) if leaps else moment


def _offset(text: str | None) -> str:
    if not text:
        return "Z"
    hours, minutes = text[1:].replace(":", "")[:-2], text[-2:]
    if len(text) <= 3:
        hours, minutes = text[1:], "00"
    return f"{text[0]}{int(hours):02}:{minutes}"
