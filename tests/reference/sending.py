"""Every data set, on its way through the real client.

Persons are one over all sources, and the data sets number their users from 1 alike. So every id
carries the name of its source: what is two people in two data sets stays two people.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from footfall import Client
from tests.ingestion.collector.live import basic
from tests.reference.data import BEER, RETAIL, ReferenceData
from tests.reference.scenarios import read_cases

#: Purchases with a customer, without one, the forum, and the scenarios.
SHOP, GUEST, FORUM, SCENARIO = SOURCES = ("shop", "guest", "forum", "scenario")

#: What an importer sets: the largest batches the endpoint's 500 KiB allow, and calls that wait
#: for room in the queue instead of dropping.
BATCH_SIZE: Final = 2500
#: No flush waits longer. Nothing is asserted about how long it did.
PATIENCE_SECONDS: Final = 300.0
#: Events of one raw request, far below the endpoint's limit in bytes.
RAW_BATCH: Final = 50

Event = dict[str, Any]


class NotSent(Exception):
    """The client did not deliver what it was given."""


def key_of(source: str) -> str:
    """The write key of a source."""
    return f"the-key-of-{source}"


def id_in(source: str, given: object) -> str:
    """An id of a data set, as it is sent."""
    return f"{source}:{given}"


def track(client: Client, source: str, event: Event) -> None:
    """Report one event of a data set; whoever has no user is the invoice.

    The published answers count visits by user, so the user is the device as well: track events
    without one would be in no visit.
    """
    user = event["user_id"]
    visitor = id_in(source, event["properties"]["invoice"] if source == GUEST else user)
    client.track(
        None if user is None else visitor,
        event["event"],
        extra_info=event["properties"],
        anonymous_id=visitor,
        timestamp=event["timestamp"],
        event_id=event["message_id"],
    )


@dataclass
class Sender:
    """Sends to one endpoint; what the client could not have sent is kept as answers."""

    host: str
    port: int
    data: ReferenceData
    #: The endpoint's answers to events that the client itself does not send.
    raw_answers: list[dict[str, Any]] = field(default_factory=list)

    def send_purchases(self) -> None:
        """Every purchase; with a customer as SHOP, without one as GUEST."""
        self._send(SHOP, (e for e in self.data.events(RETAIL) if e["user_id"] is not None))
        self._send(GUEST, (e for e in self.data.events(RETAIL) if e["user_id"] is None))

    def send_forum(self) -> None:
        """What forum users did; and raw, what nobody did, because the client drops that itself."""
        self._send(FORUM, (e for e in self.data.events(BEER) if e["user_id"] is not None))
        bodies = [raw_body(e) for e in self.data.events(BEER) if e["user_id"] is None]
        for start in range(0, len(bodies), RAW_BATCH):
            self._post(FORUM, bodies[start : start + RAW_BATCH])

    def send_scenarios(self) -> None:
        """Every scenario, side by side."""

        def report(client: Client) -> int:
            return sum(case.send(client) for case in read_cases(self.data).values())

        self._deliver(SCENARIO, report)

    def _send(self, source: str, events: Iterable[Event]) -> None:
        def report(client: Client) -> int:
            sent = 0
            for sent, event in enumerate(events, 1):  # noqa: B007
                track(client, source, event)
            return sent

        self._deliver(source, report)

    def _deliver(self, source: str, report: Callable[[Client], int]) -> None:
        with Client(
            key_of(source),
            f"http://{self.host}:{self.port}",
            batch_size=BATCH_SIZE,
            block_when_full=True,
            flush_on_sigterm=False,
            # Of years ago, and known when it happened.
            historical=True,
        ) as client:
            reported = report(client)
            client.flush(PATIENCE_SECONDS)
            stats = client.stats()
        if stats.sent != reported or stats.dropped:
            raise NotSent(f"{source}: {reported} events were reported, and {stats}")

    def _post(self, source: str, bodies: list[str]) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(
                "POST",
                "/v1/batch",
                f'{{"batch":[{",".join(bodies)}]}}'.encode(),
                {"Authorization": basic(key_of(source)), "Content-Type": "application/json"},
            )
            response = connection.getresponse()
            self.raw_answers.append({"status": response.status, **json.loads(response.read())})
        finally:
            connection.close()


def raw_body(event: Event) -> str:
    """An event without any id, as an SDK that does not look would send it."""
    return json.dumps(
        {
            "type": "track",
            "event": event["event"],
            "userId": event["user_id"],
            "anonymousId": event["anonymous_id"],
            "messageId": event["message_id"],
            "timestamp": event["timestamp"],
            "properties": event["properties"],
        },
        ensure_ascii=False,
    )
