"""Events of erased people: acknowledged, so that they are not sent again; counted; not stored."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ingestion.landing.tombstones import Tombstones
from ingestion.protocols.verdict import Verdict


class _Named(msgspec.Struct):
    """The ids in an accepted line."""

    event_id: str
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None


class ErasedLine(msgspec.Struct, frozen=True):
    """Written in place of an erased event. Sealing counts it and leaves it out."""

    source_id: str
    received_at: str
    erased: bool = True


_named = msgspec.json.Decoder(_Named)
_encode = msgspec.json.Encoder().encode


def without_erased(
    verdict: Verdict, tombstones: Tombstones, source: str, received_at: str
) -> tuple[Verdict, int]:
    """The verdict with each erased event replaced by an ErasedLine, and how many there are.

    The answer does not change: the owner of a write key must not learn who was erased.
    """
    if not tombstones:
        return verdict, 0
    count = _encode(ErasedLine(source, received_at)) + b"\n"
    erased = 0
    lines = []
    for line in verdict.accepted:
        named = _named.decode(line)
        is_erased = tombstones.covers_event(
            named.event_id, named.user_id, named.anonymous_id, named.previous_id
        )
        erased += is_erased
        lines.append(count if is_erased else line)
    return replace(verdict, accepted=lines), erased
