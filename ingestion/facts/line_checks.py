"""Validating lines one by one: slow and careful, for files that no manifest confirms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from ingestion.facts.clocks import FIRST_YEAR, LAST_YEAR
from ingestion.facts.envelope import (
    EVENT_FIELDS,
    MAX_BATCH_BYTES,
    REFUSED_FIELDS,
    EventLine,
    RefusedLine,
)
from ingestion.facts.json_text import NOT_JSON, has_null_character

#: kind of file → bytes of its longest line. An event has at most 32 KiB; there is room for more
#: context in a bulk import. A refused body is a whole request, at most six times as long once
#: escaped. Its batch adds up to 32 KiB, whose shortest numbers grow fivefold.
MAX_LINE_BYTES: Final = {"events": 1024 * 1024, "quarantine": 6 * MAX_BATCH_BYTES + 256 * 1024}

Line = EventLine[msgspec.Raw] | RefusedLine[msgspec.Raw]
#: kind of file → what its lines are, and their fields.
_LINES: Final = {"events": EventLine[msgspec.Raw], "quarantine": RefusedLine[msgspec.Raw]}
_FIELDS: Final = {"events": EVENT_FIELDS, "quarantine": REFUSED_FIELDS}
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z", re.ASCII)


class LineJudge:
    """Tells whether a line of a kind of file can be loaded."""

    def __init__(self, kind: str) -> None:
        """Judge lines of ``events`` or ``quarantine`` files."""
        self.kind = kind
        self._decode: Callable[[bytes], Line] = msgspec.json.Decoder(_LINES[kind]).decode
        self._clocks = [each.name for each in _FIELDS[kind] if each.column == "timestamptz"]
        self._objects = [each.name for each in _FIELDS[kind] if each.column == "json"]
        self._decode_any = msgspec.json.Decoder().decode

    def verdict(self, line: bytes) -> Line | str:
        """The parsed line with its clocks in UTC, or the reason why it cannot be loaded."""
        if has_null_character(line):
            return "null_character: remove \\u0000 from the text"
        try:
            parsed = self._decode(line)
            for field in self._objects:
                # The decoder does not look into Raw, so it is decoded here.
                raw = getattr(parsed, field)
                value = self._decode_any(raw) if raw is not None else None
                if not isinstance(value, dict | None):
                    return f"{field} must be a JSON object"
                if raw is not None and _repeats_a_key(bytes(raw), value):
                    setattr(parsed, field, msgspec.Raw(msgspec.json.encode(value)))
        except NOT_JSON as error:
            return f"not a line of this format, one JSON object in UTF-8: {error}"
        for field in self._clocks:
            if (text := getattr(parsed, field)) is not None:
                try:
                    setattr(parsed, field, utc_clock(text))
                except (ValueError, OverflowError):
                    return (
                        f"{field} must be ISO 8601 such as 2026-11-23T16:00:11.006Z, "
                        f"of the years {FIRST_YEAR} to {LAST_YEAR}"
                    )
        return _missing(parsed) or parsed


def _repeats_a_key(raw: bytes, value: object) -> bool:
    """Whether a key occurs twice in an object. The last one counts, as it does in the collector.

    DuckDB would take the first one. If decoding and encoding keeps the length, no key repeats.
    """
    if len(msgspec.json.format(raw, indent=-1)) == len(msgspec.json.encode(value)):
        return False
    repeats = False

    def seen(pairs: list[tuple[str, object]]) -> None:
        nonlocal repeats
        repeats = repeats or len(pairs) != len({name for name, _ in pairs})

    json.loads(raw, object_pairs_hook=seen)
    return repeats


def _missing(parsed: Line) -> str | None:
    if isinstance(parsed, RefusedLine):
        return None
    for field in EVENT_FIELDS:
        if field.is_required and not getattr(parsed, field.name):
            return f"{field.name} is empty"
    if not (parsed.user_id or parsed.anonymous_id):
        return "one of user_id and anonymous_id is required"
    return None


def utc_clock(text: str) -> str:
    """A clock of a line in UTC; no offset means UTC, digits past the microsecond are cut.

    Raises ValueError or OverflowError if it is not ISO 8601, or its year is out of range.
    """
    moment = datetime.fromisoformat(text)
    if _CANONICAL.fullmatch(text) and FIRST_YEAR <= moment.year <= LAST_YEAR:
        # The collector writes this form. Writing it again would take most of a line's time.
        # DuckDB cannot read other forms of this length (week dates, a decimal comma).
        return text
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(moment.year)
    return moment.isoformat(sep=" ", timespec="microseconds") + "+00"
