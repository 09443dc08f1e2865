"""Sends facts over HTTP: with the real client, or by hand if it would never send them."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import footfall
from demo.facts import Fact

#: Events of one request: many, for speed; 500 stay far below the endpoint's limits.
BATCH_EVENTS: Final = 500
#: Seconds to wait at the end for events that are still being sent.
FLUSH_SECONDS: Final = 60.0
#: Seconds that the endpoint may take to answer a request made by hand.
ANSWER_SECONDS: Final = 10.0


class NotDelivered(Exception):
    """The collector did not accept what was sent; the message says how much."""


@dataclass(frozen=True)
class Endpoint:
    """Where the collector listens, and the write key of each source."""

    port: int
    keys: Mapping[str, str]

    @property
    def url(self) -> str:
        """The address that a client is configured with."""
        return f"http://127.0.0.1:{self.port}"


class Courier:
    """Delivers facts in their order, with one client for each source.

    Facts delivered before ``live_from`` are sent as history, as an importer of old data does.
    Otherwise all of them would count as known only now.
    """

    def __init__(self, endpoint: Endpoint, live_from: datetime) -> None:
        self._endpoint = endpoint
        self._live_from = live_from
        self._clients = {
            (source, is_history): footfall.Client(
                key,
                endpoint.url,
                batch_size=BATCH_EVENTS,
                block_when_full=True,
                flush_on_sigterm=False,
                historical=is_history,
            )
            for source, key in endpoint.keys.items()
            for is_history in (True, False)
        }
        self.accepted = 0
        self.refused = 0

    def deliver(self, facts: Sequence[Fact]) -> None:
        """Send facts and wait until every one is acknowledged. Raises NotDelivered."""
        by_hand: list[Fact] = []
        for fact in facts:
            if fact.clock_error:
                by_hand.append(fact)
            else:
                is_history = fact.delivered_at < self._live_from
                report(self._clients[fact.source, is_history], fact)
        if not all(client.flush(FLUSH_SECONDS) for client in self._clients.values()):
            raise NotDelivered(f"events are still unsent after {FLUSH_SECONDS:.0f} seconds")
        dropped = sum(sum(client.stats().dropped.values()) for client in self._clients.values())
        if dropped:
            raise NotDelivered(f"the client had to drop {dropped:,} events")
        self.accepted += len(facts) - len(by_hand)
        for source, error in {(fact.source, fact.clock_error) for fact in by_hand}:
            self._post(
                source,
                [
                    wire_event(fact)
                    for fact in by_hand
                    if (fact.source, fact.clock_error) == (source, error)
                ],
                clock_error=error,
            )

    def deliver_slips(self, source: str, slips: Sequence[Mapping[str, Any]]) -> None:
        """Send events that are not in order, as some other SDK would."""
        self._post(source, slips)

    def close(self) -> None:
        """Stop the clients, without waiting for what is left after a failure."""
        for client in self._clients.values():
            client.shutdown(timeout=0.0)

    def _post(
        self,
        source: str,
        events: Sequence[Mapping[str, Any]],
        *,
        clock_error: timedelta = timedelta(0),
    ) -> None:
        """Send events as an SDK does on a device whose clock is wrong by ``clock_error``."""
        for batch in _cut(events):
            body = {"batch": batch, "sentAt": (datetime.now(UTC) + clock_error).isoformat()}
            answer = _post(self._endpoint, source, json.dumps(body).encode())
            self.accepted += answer["accepted"]
            self.refused += len(answer["refused"])


def report(client: footfall.Client, fact: Fact) -> None:
    """Make the call that a product makes when this happens."""
    given: dict[str, Any] = {
        "anonymous_id": fact.anonymous_id,
        "timestamp": fact.occurred_at,
        "event_id": fact.event_id,
        "context": fact.context,
    }
    if fact.kind == "track":
        extra_info = dict(fact.properties)
        value = extra_info.pop("value", None)
        client.track(fact.user_id, fact.name or "", value, extra_info, **given)
    elif fact.kind == "page":
        client.page(fact.user_id, fact.name, fact.properties, **given)
    elif fact.kind == "screen":
        client.screen(fact.user_id, fact.name, fact.properties, **given)
    elif fact.kind == "identify":
        client.identify(fact.user_id, fact.properties, **given)
    elif fact.kind == "group":
        client.group(fact.user_id, fact.group_id, fact.properties, **given)
    else:
        client.alias(fact.previous_id, fact.user_id, **given)


def wire_event(fact: Fact) -> dict[str, Any]:
    """Write the fact as its device sends it, with times from the device's clock."""
    event: dict[str, Any] = {
        "type": fact.kind,
        "messageId": fact.event_id,
        "userId": fact.user_id,
        "anonymousId": fact.anonymous_id,
        "timestamp": (fact.occurred_at + fact.clock_error).isoformat(),
        "context": dict(fact.context),
    }
    if fact.kind == "identify":
        return event | {"traits": dict(fact.properties)}
    if fact.kind == "group":
        return event | {"groupId": fact.group_id, "traits": dict(fact.properties)}
    if fact.kind == "alias":
        return event | {"previousId": fact.previous_id}
    name = "event" if fact.kind == "track" else "name"
    return event | {name: fact.name, "properties": dict(fact.properties)}


def by_week(facts: Iterable[Fact], starts_at: datetime) -> Iterator[list[Fact]]:
    """Split facts, in order of delivery, by the week in which they are delivered."""
    week: list[Fact] = []
    ends_at = starts_at + timedelta(weeks=1)
    for fact in facts:
        while fact.delivered_at >= ends_at:
            yield week
            week, ends_at = [], ends_at + timedelta(weeks=1)
        week.append(fact)
    yield week


def _cut(events: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Mapping[str, Any]]]:
    return (events[at : at + BATCH_EVENTS] for at in range(0, len(events), BATCH_EVENTS))


def _post(endpoint: Endpoint, source: str, body: bytes) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=ANSWER_SECONDS)
    credentials = base64.b64encode(f"{endpoint.keys[source]}:".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/batch", body, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"the collector does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise NotDelivered(f"the collector answered with {response.status}: {answer.decode()}")
    decoded: dict[str, Any] = json.loads(answer)
    return decoded
