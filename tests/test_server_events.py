"""Servers' events, told of a user without a device, among the visits of a page tag."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from random import Random
from typing import Any

from tests.alphabet import BASE, DAY, HOUR, INSTANT, MINUTE
from tests.histories import History, iso, side_by_side
from tests.models_in_memory import CompiledModels, Row, loaded
from tests.oracle.events import File
from tests.test_models_agree_with_oracle import check_history

#: Gaps on both sides of a visit's end; over midnight, so that days of transitions differ.
MOMENTS = tuple(
    BASE + day * DAY + 23 * HOUR + gap
    for day in (0, 0, 0, 1)
    for gap in (
        *(0 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 30 * MINUTE + INSTANT, 40 * MINUTE),
        *(55 * MINUTE, 65 * MINUTE, 90 * MINUTE),
    )
)


def line(event_id: str, type_: str, occurred_at: datetime, **told: Any) -> dict[str, Any]:
    names = {"track": "plan_chosen", "page": "page_view"}
    empty = dict.fromkeys(("user_id", "anonymous_id", "group_id", "previous_id", "sent_at"))
    return {
        **empty,
        "event_id": event_id,
        "source_id": "web",
        "type": type_,
        "event_name": names.get(type_, type_),
        "original_timestamp": iso(occurred_at),
        "received_at": iso(occurred_at),
        "properties": {},
        "traits": {},
        "context": {},
        "request": {},
        **told,
    }


def crowded(seed: int) -> History:
    """Two people on two devices within two evenings, and a server, in four loads."""
    random = Random(seed)
    loads: list[list[dict[str, Any]]] = [[], [], [], []]
    for number in range(24):
        type_ = random.choice(("page", "page", "page", "track", "track", "track", "identify"))
        device, user = random.choice(("d1", "d2")), random.choice(("u1", "u2"))
        told: dict[str, Any] = {"anonymous_id": device}
        if type_ == "track" or (type_ == "page" and random.random() < 0.2):
            told = {"user_id": user}
        elif type_ == "identify" or random.random() < 0.2:
            told["user_id"] = user
        random.choice(loads).append(
            line(f"{random.choice('abc')}{number:02}", type_, random.choice(MOMENTS), **told)
        )
    return History([[File(f"{number}", lines)] for number, lines in enumerate(loads)])


def test_servers_events_join_the_same_visits_in_whatever_order_they_come(
    compiled: CompiledModels,
) -> None:
    check_history(compiled, side_by_side([crowded(seed) for seed in range(6)]))


def visits(compiled: CompiledModels, *loads: Iterable[dict[str, Any]]) -> list[Row]:
    files = [[File(f"{n}", list(lines))] for n, lines in enumerate(loads)]
    warehouse = loaded(compiled.only("fct_sessions"), files)
    return warehouse.rows("select * from marts.fct_sessions order by started_at")


def test_a_backend_beside_the_page_tag_leaves_the_bounce_rate_alone(
    compiled: CompiledModels,
) -> None:
    tag = [
        line(
            f"p{person}{page}",
            "page",
            BASE + person * HOUR + page * MINUTE,
            anonymous_id=f"d{person}",
            user_id=f"u{person}" if page else None,
            context={"campaign": {"source": "newsletter"}},
        )
        for person in range(5)
        for page in range(3)
    ]
    backend = [
        line(f"t{number}", "track", BASE + number * HOUR // 4, user_id=f"u{number // 4}")
        for number in range(20)
    ]
    alone, both = visits(compiled, tag), visits(compiled, tag + backend)
    assert [visit["is_bounce"] for visit in both] == [False] * 5
    assert [{**visit, "event_count": 3} for visit in both] == alone
    # On the hour, a quarter and half an hour after it, and 13 minutes too late.
    assert [visit["event_count"] for visit in both] == [6] * 5


def test_what_a_server_tells_with_the_browsers_device_is_in_the_browsers_visit(
    compiled: CompiledModels,
) -> None:
    page = line("p", "page", BASE, anonymous_id="d1")
    told = line("t", "track", BASE + 20 * MINUTE, anonymous_id="d1", user_id="u1")
    (visit,) = visits(compiled, [page, told])
    assert (visit["event_count"], visit["person_id"], visit["is_bounce"]) == (2, "u1", False)
    assert visit["duration_seconds"] == 1200
