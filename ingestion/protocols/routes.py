"""Every path events come by: which protocol is spoken there, and how it judges and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import msgspec

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.identifiers import uuid7
from ingestion.protocols.batch_json import Batch
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.judging import judge
from ingestion.protocols.protocol import Endpoint, Protocol
from ingestion.protocols.responses import Answer, success
from ingestion.protocols.verdict import RequestFacts, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Endpoint):
    """One path with the protocol that is spoken there."""

    spoken: Protocol

    @property
    def protocol(self) -> str:
        """The protocol's name."""
        return self.spoken.name

    def judge(
        self,
        batch: Batch,
        source: str,
        received_at: datetime,
        facts: RequestFacts,
        *,
        key: str | None = None,
        mint: Callable[[], str] = uuid7,
        allowance: int = MAX_INFLATED_BYTES,
    ) -> Verdict:
        """What is kept of a batch and what is refused; ``mint`` names events that have no id.

        ``key`` is the write key of the request.
        """
        return judge(
            batch,
            source,
            received_at,
            facts,
            protocol=self.spoken,
            key=key,
            mint=mint,
            allowance=allowance,
        )

    def answer(self, batch: Batch, verdict: Verdict) -> Answer:
        """200 in the protocol's own words."""
        if self.results is None:
            return success(verdict)
        return Answer(200, msgspec.json.encode(self.results(batch.events, verdict)))


def _route(protocol: Protocol, endpoint: Endpoint) -> Route:
    told = {each.name: getattr(endpoint, each.name) for each in fields(endpoint)}
    return Route(**told, spoken=protocol)


#: Path → how events are sent to it.
ROUTES: Final = {
    path: _route(protocol, endpoint)
    for protocol in PROTOCOLS
    for path, endpoint in protocol.endpoints.items()
}


def route_name(path: str) -> str | None:
    """Under which name ROUTES has a path; None where no events come by."""
    if path in ROUTES:
        return path
    for protocol in PROTOCOLS:
        if protocol.other_paths and protocol.other_paths[0].fullmatch(path):
            return protocol.other_paths[1]
    return None


def route_of(path: str) -> Route | None:
    """How events are sent to a path; None where none come by."""
    name = route_name(path)
    return ROUTES[name] if name else None
