"""Reading quarantine: each refused row with its place, and which events were replayed."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import msgspec

from ingestion.facts.envelope import RefusedLine
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.facts.lines import BadLine, read_lines
from ingestion.landing.store import LandedFile, Landing
from ingestion.protocols.batch_json import inflate
from ingestion.protocols.http_errors import Unreadable

#: The mark of a segment of replayed events. It follows the name of the quarantine file. A name from
#: a collector has no dot before its suffix. The models know replayed events by this mark too.
REPLAY_MARK: Final = ".replay-"

#: The number of a line in the quarantine file, and of an event in its body.
Key = tuple[int, int]


class _Origin(msgspec.Struct):
    file: str
    line: int
    event: int


class _Request(msgspec.Struct):
    replay: _Origin


class _Replayed(msgspec.Struct):
    request: _Request


_replayed = msgspec.json.Decoder(_Replayed)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a quarantine file."""

    file: str
    line: int
    refused_id: str
    source: str
    event_id: str | None
    reason: str
    detail: str
    received_at: datetime
    body: bytes
    request: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> bytes:
        """The body without gzip; unchanged if it cannot be decompressed."""
        try:
            return inflate(self.body)
        except Unreadable:
            return self.body


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows to select; None selects all. ``id`` is that of an event or a row."""

    source: str | None = None
    reason: str | None = None
    day: date | None = None
    id: str | None = None

    def holds(self, row: Row) -> bool:
        """Whether the row is selected."""
        return (
            self.source in (None, row.source)
            and self.reason in (None, row.reason)
            and self.day in (None, row.received_at.date())
            and self.id in (None, row.event_id, row.refused_id)
        )


class Quarantine:
    """The quarantine of a landing at this moment; it is only read."""

    def __init__(self, landing: Landing) -> None:
        """List the landing; raises LandingUnusable."""
        self._landing = landing
        self._replays: dict[str, list[LandedFile]] = defaultdict(list)
        self.files: list[LandedFile] = []
        for file in landing.files():
            if file.kind == "quarantine":
                self.files.append(file)
            elif file.kind == "events" and REPLAY_MARK in file.name:
                self._replays[base_name(file.name).partition(REPLAY_MARK)[0]].append(file)

    def rows(self, file: LandedFile) -> Iterator[Row | BadLine]:
        """The rows of a quarantine file, in order; raises OSError."""
        judge = LineJudge("quarantine")
        with self._landing.on_disk(file) as path:
            for number, line in read_lines(path, MAX_LINE_BYTES["quarantine"]):
                if isinstance(line, BadLine):
                    yield line
                    continue
                parsed = judge.verdict(line)
                if isinstance(parsed, RefusedLine):
                    yield _row(file.name, number, parsed)
                else:
                    yield BadLine(number, str(parsed), "")

    def replayed(self, file: LandedFile) -> set[Key]:
        """The events of a quarantine file that were replayed before; raises OSError."""
        keys: set[Key] = set()
        for segment in self._replays.get(base_name(file.name), ()):
            with self._landing.on_disk(segment) as path:
                for _, line in read_lines(path, MAX_LINE_BYTES["events"]):
                    if isinstance(line, BadLine):
                        raise OSError(f"{segment.name} is damaged: {line.reason}")
                    origin = _replayed.decode(line).request.replay
                    if origin.file == file.name:
                        keys.add((origin.line, origin.event))
        return keys


def base_name(name: str) -> str:
    """The name of a landed file without its folder and suffixes."""
    leaf = name.rpartition("/")[2].removesuffix(".gz")
    return leaf.removesuffix(".ndjson").removesuffix(".jsonl")


def _row(file: str, number: int, line: RefusedLine[msgspec.Raw]) -> Row:
    if line.body_base64 is not None:
        try:
            body = base64.b64decode(line.body_base64)
        except (binascii.Error, ValueError):
            body = line.body_base64.encode()
    else:
        body = (line.body or "").encode()
    return Row(
        file=file,
        line=number,
        refused_id=line.refused_id,
        source=line.source_id or "",
        event_id=line.event_id,
        reason=line.reason,
        detail=line.detail or "",
        received_at=datetime.fromisoformat(line.received_at),
        body=body,
        request=msgspec.json.decode(line.request) or {},
    )
