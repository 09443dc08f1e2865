"""All paths that accept events, each with its protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.identifiers import uuid7
from ingestion.protocols.batch_json import Batch
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.protocol import Endpoint, Protocol
from ingestion.protocols.validation import judge
from ingestion.protocols.verdict import RequestFacts, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Endpoint):
    """One path with its protocol."""

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
        """Split a batch into events to keep and to refuse; ``mint`` makes the ids that are missing.

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


def _route(protocol: Protocol, endpoint: Endpoint) -> Route:
    told = {each.name: getattr(endpoint, each.name) for each in fields(endpoint)}
    return Route(**told, spoken=protocol)


#: Path → its route.
ROUTES: Final = {
    path: _route(protocol, endpoint)
    for protocol in PROTOCOLS
    for path, endpoint in protocol.endpoints.items()
}


def route_name(path: str) -> str | None:
    """The key of a path in ROUTES; None if no protocol has this path."""
    if path in ROUTES:
        return path
    for protocol in PROTOCOLS:
        if protocol.other_paths and protocol.other_paths[0].fullmatch(path):
            return protocol.other_paths[1]
    return None


def route_of(path: str) -> Route | None:
    """The route of a path; None if no protocol has this path."""
    name = route_name(path)
    return ROUTES[name] if name else None
