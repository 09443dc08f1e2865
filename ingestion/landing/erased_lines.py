"""Which lines an erasure removes: the one rule for sealing, loading and rewriting."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec

from ingestion.facts.compression import unpacked
from ingestion.facts.envelope import EventLine, RefusedLine
from ingestion.facts.json_text import NOT_JSON
from ingestion.facts.line_checks import Line
from ingestion.landing.ids_in_text import names_in
from ingestion.landing.tombstones import Tombstones

#: A line of a quarantine file: the file's name and the number of the line.
Place = tuple[str, int]

_event = msgspec.json.Decoder(EventLine[msgspec.Raw])
_refused = msgspec.json.Decoder(RefusedLine[msgspec.Raw])


class _Origin(msgspec.Struct):
    file: str
    line: int


class _Request(msgspec.Struct):
    replay: _Origin


_request = msgspec.json.Decoder(_Request)


class ReadLine:
    """A line, parsed as far as an erasure needs it. An invalid line is read as text."""

    def __init__(self, kind: str, line: bytes) -> None:
        """A line of an ``events`` or a ``quarantine`` file."""
        self._line = line
        self._parsed: Line | None
        try:
            self._parsed = (_event if kind == "events" else _refused).decode(line)
        except NOT_JSON:
            self._parsed = None

    def is_erased(self, tombstones: Tombstones) -> bool:
        """Whether this line's person is erased."""
        parsed = self._parsed
        if isinstance(parsed, EventLine) and (parsed.user_id or parsed.anonymous_id):
            return tombstones.covers_event(
                parsed.event_id, parsed.user_id, parsed.anonymous_id, parsed.previous_id
            )
        if isinstance(parsed, RefusedLine):
            return refusal_is_erased(
                tombstones,
                body=parsed.body,
                body_base64=parsed.body_base64,
                event_id=parsed.event_id,
                request=bytes(parsed.request),
            )
        return tombstones.covers_text(self._line)

    def names(self) -> Iterator[str]:
        """Every id that this line may be about."""
        parsed = self._parsed
        if isinstance(parsed, EventLine):
            fields = (parsed.user_id, parsed.anonymous_id, parsed.previous_id)
            yield from (name for name in fields if name)
        elif parsed is None:
            yield from names_in(self._line)
        else:
            yield from names_in(unpacked(_body(parsed.body, parsed.body_base64)))
            yield from names_in(_beside(bytes(parsed.request)))

    def origin(self) -> Place | None:
        """The refused line that this event was replayed from."""
        if not isinstance(self._parsed, EventLine):
            return None
        try:
            replay = _request.decode(self._parsed.request).replay
        except NOT_JSON:
            return None
        return replay.file, replay.line


def refusal_is_erased(
    tombstones: Tombstones,
    *,
    body: str | None,
    body_base64: str | None,
    event_id: str | None,
    request: bytes,
) -> bool:
    """Whether a refused event's person is erased, from the fields of its line."""
    return tombstones.covers_text(_body(body, body_base64), _beside(request), event_id)


class _Batch(msgspec.Struct):
    batch: msgspec.Raw = msgspec.Raw(b"")


_batch = msgspec.json.Decoder(_Batch)


def _beside(request: bytes) -> bytes:
    """The fields that a refused event inherited from its batch."""
    try:
        return bytes(_batch.decode(request).batch)
    except NOT_JSON:
        return b""


def _body(body: str | None, body_base64: str | None) -> bytes:
    if body_base64 is None:
        return (body or "").encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body_base64)
    except ValueError:
        return body_base64.encode("utf-8", "surrogatepass")
