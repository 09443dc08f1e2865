"""A part of a file becomes lines of the landing: events, and refused records with their reasons.

Pure: no I/O and no clock. Events are validated by the rules of the collector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ingestion.facts.clocks import utc_text
from ingestion.facts.envelope import EventLine, Json
from ingestion.facts.identifiers import derived_id
from ingestion.facts.lines import BadLine
from ingestion.facts.refusals import refused_line
from ingestion.importer.formats.format import Format, Options
from ingestion.importer.reading import MAX_RECORD_BYTES, File, Record
from ingestion.protocols.fields import Refused, decode_event, take_clock
from ingestion.protocols.validation import canonical_line, encoded_without_key

#: Whether an event has a user, and a device → what a dry run calls that.
_ID_KINDS: Final = {
    (True, True): "user and device",
    (True, False): "user",
    (False, True): "device",
}


@dataclass(slots=True)
class Tally:
    """What records became, counted: what a dry run prints and an import adds up."""

    records: int = 0
    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    earliest: str = ""
    latest: str = ""
    #: Events whose source gave them no id.
    ids_from_content: int = 0
    #: Records of parts that an earlier import landed.
    landed_before: int = 0
    #: Why the rest of the file, or of a file in it, cannot be read.
    ends: list[str] = field(default_factory=list)
    #: Reason of refusals → what was said of the first.
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the counts of another part."""
        self.records += other.records
        self.events += other.events
        self.landed_before += other.landed_before
        self.ids_from_content += other.ids_from_content
        self.refused.update(other.refused)
        self.days.update(other.days)
        self.names.update(other.names)
        self.ids.update(other.ids)
        self.ends += other.ends
        self.examples = other.examples | self.examples
        self._span(other.earliest)
        self._span(other.latest)

    def count(self, seen: Sequence[tuple[str, str, str]]) -> None:
        """Count events, each with its moment, its name and the kind of its ids."""
        if seen:
            # A counter counts a list in a third of the time that single additions take.
            moments, names, kinds = zip(*seen, strict=True)
            self.events += len(seen)
            self.days.update([moment[:10] for moment in moments])
            self.names.update(names)
            self.ids.update(kinds)
            self._span(min(moments))
            self._span(max(moments))

    def _span(self, moment: str) -> None:
        if moment:
            self.earliest = min(self.earliest or moment, moment)
            self.latest = max(self.latest, moment)


@dataclass(slots=True)
class Mapped:
    """The lines of a part."""

    events: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def mapped(records: Sequence[Record], file: File, format_: Format, options: Options) -> Mapped:
    """The lines of some records of a file. A record that cannot be read does not affect others."""
    done = Mapped()
    done.tally.records = len(records)
    done.tally.ends = ends_of(records)
    seen: list[tuple[str, str, str]] = []
    for where, text in records:
        try:
            if isinstance(text, BadLine):
                raise Refused("unreadable_record", text.reason)
            record = decode_event(text, MAX_RECORD_BYTES)
            lines = [_line(event, options) for event in format_.read(record, options)]
            for number, line in enumerate(lines):
                if not line.event_id:
                    line.event_id = derived_id(format_.name, _content(record), number)
                    done.tally.ids_from_content += 1
            encoded = [encoded_without_key(line, None) for line in lines]
            if max(map(len, encoded), default=0) > MAX_RECORD_BYTES:
                raise Refused("too_large", f"the event has more than {MAX_RECORD_BYTES} bytes")
        except Refused as problem:
            refused = Refused(problem.reason, f"{where} of {file.name}: {problem.detail}")
            done.tally.refused[refused.reason] += 1
            done.tally.examples.setdefault(refused.reason, refused.detail)
            done.refused.append(_refused(where, text, refused, file, format_, options))
        else:
            done.events += encoded
            seen += map(_seen, lines)
    done.tally.count(seen)
    return done


def ends_of(records: Sequence[Record]) -> list[str]:
    """Of each record after which the file cannot be read, why."""
    return [text.reason for _, text in records if isinstance(text, BadLine) and text.is_end]


def _line(event: Json, options: Options) -> EventLine[Json]:
    """The line of an event; its id is empty if its source gave it none."""
    received = take_clock(event, "receivedAt")
    received = received or take_clock({"timestamp": event.get("timestamp")}, "timestamp")
    if received is None:
        raise Refused("invalid_timestamp", "the record has no time")
    # It has no request: so the models know that it is history.
    line = canonical_line(event, options.source, received, {}, str, ignores_sent_at=True)
    line.request = {}
    return line


def _seen(line: EventLine[Json]) -> tuple[str, str, str]:
    kind = _ID_KINDS[bool(line.user_id), bool(line.anonymous_id)]
    return line.original_timestamp or line.received_at, line.event_name, kind


def _content(record: Json) -> str:
    return msgspec.json.encode(record, order="sorted").decode()


def _refused(
    where: str,
    text: bytes | BadLine,
    refused: Refused,
    file: File,
    format_: Format,
    options: Options,
) -> bytes:
    return refused_line(
        text.text.encode() if isinstance(text, BadLine) else text,
        source=options.source,
        reason=refused.reason,
        detail=refused.detail,
        # Nobody received it, so it counts on the day when the export was written.
        received_at=utc_text(file.modified_at),
        request={"import": {"format": format_.name, "file": file.name, "place": where}},
        refused_id=derived_id("refused", file.digest, where),
    )
