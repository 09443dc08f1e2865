"""Histories of events that sit on the edges of the definitions, for property tests and long runs.

``histories()`` is a hypothesis strategy; ``random_histories(seed, count)`` yields the same kind of
history without hypothesis. Alphabets are small on purpose: the same users, devices and moments
must meet. A history is a list of visits, so that it shrinks by losing whole visits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from tests.alphabet import (
    ACTIONS,
    ADDRESSES,
    AGENTS,
    BASE,
    CLOCKS,
    COHORTS,
    DAY,
    DAYS,
    DELAYS,
    DEVICES,
    EXPERIMENTS,
    FUNNELS,
    GAPS,
    HOUR,
    MINUTE,
    PLACEHOLDERS,
    PLANS,
    QUESTIONS,
    REFERRERS,
    SECOND,
    SOURCES,
    SURROUNDINGS,
    TIMES,
    TYPES,
    USERS,
    Clock,
)
from tests.oracle.events import File

__all__ = [
    "COHORTS",
    "EXPERIMENTS",
    "FUNNELS",
    "QUESTIONS",
    "History",
    "histories",
    "random_histories",
]

T = TypeVar("T")
Line = dict[str, Any]

#: By place, what a request told as it happened and what it told as history; no request brought the
#: lines of the other places.
REQUESTS: dict[int, Line] = {
    3: {"path": "/v1/batch"},
    4: {"path": "/e", "protocol": "posthog"},
    5: {"path": "/v1/track", "batch": {"historical_migration": False}},
    6: {"batch": {"historical_migration": True}},
    7: {"path": "/v1/import"},
}

#: By place, what an event of any type says of its person in PostHog's words.
TOLD: dict[int, Line] = {
    3: {"$set": {"plan": 3, "a": 3}},
    4: {"$set": "no object", "$set_once": {"plan": 4, "b": None}},
    5: {"$set_once": {"a": 5, "b": 5}},
    6: {"$unset": ["a", "plan"], "$set_once": {"a": 6, "c": 6}},
    7: {"$set": {"c": None}, "$set_once": {"c": 7, "plan": 7}, "$unset": {"b": ""}},
}

#: By tie, the account of a group call; by place, what any event says of its groups.
ACCOUNTS: dict[str, str | None] = {"a": "g1", "b": "g2", "c": "undefined"}
GROUPED: dict[int, Line] = {
    2: {"$groups": {"company": "g3", "project": "g1"}},
    5: {"$group_type": "project", "$groups": {"project": "g1"}},
    7: {"$group_type": "company", "$groups": {"company": "NULL"}},
    4: {"mp_lib": "web", "company": ["g2", "g1"]},
    6: {"mp_lib": "web", "company": "g1"},
}


class Pick(Protocol):
    """Takes one of the options, the first when there is nothing to choose for."""

    def __call__(self, options: Sequence[T], /) -> T:
        """Return one of the options."""


@dataclass(frozen=True)
class History:
    """What the landing held: loads in order, each a list of files of canonical lines."""

    loads: list[list[File]]


@dataclass(frozen=True)
class Act:
    """One event of a visit, ``gap`` after the one before it."""

    gap: timedelta
    type: str
    event_name: str
    #: Null keeps the visit's user, an empty text says nothing about the user.
    user_id: str | None
    is_on_device: bool
    previous_id: str | None
    plan: object
    agent: Mapping[str, object]
    clock: Clock
    delay: timedelta
    #: Begins the event_id, so that identical timestamps do not sort in the order of their making.
    tie: str
    place: int


@dataclass(frozen=True)
class Visit:
    """Acts on one device; a marathon puts many page views half an hour apart before them."""

    source_id: str
    anonymous_id: str | None
    user_id: str | None
    started_at: datetime
    marathon: int
    marathon_stride: int
    acts: list[Act]


@dataclass(frozen=True)
class Repeat:
    """A line that comes again: which, with what changed, how much later, in which place."""

    which: int
    changed: Line
    later: timedelta
    place: int


@dataclass(frozen=True)
class Layout:
    """How lines are cut into loads and files; ``blank`` is how a missing id is written.

    ``comes_again`` brings the first load's files once more in the last, under other names: those
    of a loaded file are passed over. ``is_strict`` names somebody on every line; otherwise
    ``blank`` may be all there is.
    """

    load_count: int
    is_reversed: bool
    has_empty_files: bool
    comes_again: bool
    blank: str | None
    is_strict: bool


@st.composite
def histories(draw: st.DrawFn, *, max_visits: int = 6, max_acts: int = 6) -> History:
    """Histories of up to ``max_visits`` visits, empty ones included."""
    # Counts before elements, not st.lists: the shrinker lowers a count and drops a whole element
    # with it, where it cannot find a dozen choices to delete together.
    layout = some_layout(_picker(draw))
    visits = [draw(_visits(max_acts)) for _ in range(draw(st.integers(0, max_visits)))]
    repeats = [draw(_repeats()) for _ in range(draw(st.integers(0, 4)))]
    return assemble(visits, repeats, layout)


@st.composite
def _visits(draw: st.DrawFn, max_acts: int) -> Visit:
    acts = [draw(_acts()) for _ in range(draw(st.integers(1, max_acts)))]
    return some_visit(_picker(draw), acts)


@st.composite
def _acts(draw: st.DrawFn) -> Act:
    return some_act(_picker(draw))


@st.composite
def _repeats(draw: st.DrawFn) -> Repeat:
    return some_repeat(_picker(draw))


def _picker(draw: st.DrawFn) -> Pick:
    def pick(options: Sequence[T], /) -> T:
        return draw(st.sampled_from(options))

    return pick


def random_histories(
    seed: int, count: int, *, max_visits: int = 12, max_acts: int = 8
) -> Iterator[History]:
    """``count`` histories that depend on ``seed`` alone; larger ones than hypothesis makes."""
    random = Random(seed)
    for _ in range(count):
        visits = [
            some_visit(
                random.choice, [some_act(random.choice) for _ in range(random.randint(1, max_acts))]
            )
            for _ in range(random.randint(0, max_visits))
        ]
        repeats = [some_repeat(random.choice) for _ in range(random.randint(0, 6))]
        yield assemble(visits, repeats, some_layout(random.choice))


def side_by_side(some: Sequence[History]) -> History:
    """Several histories in one warehouse: nobody of one is anybody of another.

    What is counted per person stays apart and what is counted per day adds up, so a difference
    in one of them is a difference of the whole, for a fraction of the statements.
    """
    loads: list[list[File]] = [[] for _ in range(max(len(history.loads) for history in some))]
    for number, history in enumerate(some):
        for load, files in zip(loads, history.loads, strict=False):
            load.extend(
                File(f"{number:04}-{file.name}", [_elsewhere(line, number) for line in file.lines])
                for file in files
            )
    return History(loads)


def _elsewhere(line: Mapping[str, Any], number: int) -> Line:
    """The line among people and devices of its own; an id that says nothing still does not."""
    ids = ("event_id", "user_id", "anonymous_id", "group_id", "previous_id")
    return {**line, **{name: f"{number:04} {line[name]}" for name in ids if line[name]}}


def some_act(pick: Pick) -> Act:
    """One act, from one choice per field."""
    type_ = pick(TYPES)
    names = {"track": pick(ACTIONS), "page": "page_view", "screen": "screen_view"}
    return Act(
        gap=pick(GAPS),
        type=type_,
        event_name=names.get(type_, type_),
        user_id=pick((None,) * 6 + ("", "", *USERS)),
        is_on_device=pick((True, True, True, True, False)),
        previous_id=(
            pick((None, "", *USERS, *DEVICES, *PLACEHOLDERS)) if type_ == "alias" else None
        ),
        plan=pick(PLANS),
        agent=pick(AGENTS),
        clock=pick((*CLOCKS[:2] * 6, *CLOCKS)),
        delay=pick(DELAYS),
        tie=pick("abc"),
        place=pick(range(8)),
    )


def some_visit(pick: Pick, acts: list[Act]) -> Visit:
    """One visit of these acts."""
    return Visit(
        source_id=pick(SOURCES),
        anonymous_id=pick((*DEVICES, None)),
        user_id=pick((None, None, None, None, *USERS)),
        started_at=BASE + pick(DAYS) + pick(TIMES),
        # 48 half hours are the full day, to the instant; 1 is for shrinking.
        marathon=pick((0,) * 16 + (1, 47, 48, 97)),
        marathon_stride=pick((0, 1)),
        acts=acts,
    )


def some_repeat(pick: Pick) -> Repeat:
    """One repeat, mostly of the same content."""
    changes: tuple[Line, ...] = (
        {},
        {},
        {"request": {"attempt": 2}},
        {"event_name": "purchase"},
        {"user_id": "u2"},
        {"user_id": "undefined"},
        {"source_id": "app"},
        {"original_timestamp": iso(BASE - DAY), "sent_at": None},
    )
    return Repeat(
        which=pick(range(32)),
        changed=pick(changes),
        later=pick((0 * SECOND, 0 * SECOND, SECOND, 3 * HOUR, -SECOND, 90 * DAY)),
        place=pick(range(8)),
    )


def some_layout(pick: Pick) -> Layout:
    """One way of cutting lines into loads."""
    return Layout(
        load_count=pick((1, 2, 3, 4)),
        is_reversed=pick((False, True)),
        has_empty_files=pick((False, True)),
        comes_again=pick((False, False, True)),
        blank=pick((None, "", *PLACEHOLDERS)),
        is_strict=pick((True, True, True, False)),
    )


def assemble(visits: list[Visit], repeats: list[Repeat], layout: Layout) -> History:
    """Write the acts as lines and lay them out in files and loads."""
    placed: list[tuple[int, Line]] = []
    for visit in visits:
        acts = marathon(visit) + visit.acts
        occurred_at = visit.started_at
        for act in acts:
            occurred_at += act.gap
            line = written(visit, act, occurred_at, f"{act.tie}{len(placed):04d}", layout)
            placed.append((act.place, line))
    originals = list(placed)
    for repeat in repeats if originals else []:
        _, line = originals[repeat.which % len(originals)]
        received_at = datetime.fromisoformat(line["received_at"]) + repeat.later
        placed.append((repeat.place, {**line, "received_at": iso(received_at), **repeat.changed}))
    if layout.is_reversed:
        placed.reverse()

    loads = []
    for load_number in range(layout.load_count):
        files = []
        for half in (0, 1):
            lines = [
                line
                for place, line in placed
                if place % layout.load_count == load_number and place // 4 == half
            ]
            # The name says nothing about the order of loads, and the later file sorts first.
            name = f"{(load_number * 7 + 5) % 10}-{'ba'[half]}.ndjson"
            if lines or layout.has_empty_files:
                files.append(File(name, lines))
        loads.append(files)
    if layout.comes_again:
        loads[-1] += [File(f"again-{file.name}", renumbered(file.lines)) for file in loads[0]]
    return History(loads)


def marathon(visit: Visit) -> list[Act]:
    """Page views half an hour apart, in one load or dealt out over all of them."""
    return [
        Act(
            gap=30 * MINUTE,
            type="page",
            event_name="page_view",
            user_id=None,
            is_on_device=True,
            previous_id=None,
            plan=None,
            agent={},
            clock=CLOCKS[0],
            delay=0 * SECOND,
            tie="b",
            place=number * visit.marathon_stride % 8,
        )
        for number in range(visit.marathon)
    ]


def written(visit: Visit, act: Act, occurred_at: datetime, event_id: str, layout: Layout) -> Line:
    """The act as a canonical line; one of the ids has a text, if only a placeholder."""
    anonymous_id = visit.anonymous_id if act.is_on_device else None
    user_id = (visit.user_id if act.user_id is None else act.user_id) or None
    if anonymous_id is None and user_id is None and (layout.is_strict or not layout.blank):
        user_id = "u1"
    received_at = occurred_at + act.delay
    original_timestamp, sent_at = act.clock(occurred_at, received_at)
    return {
        "event_id": event_id,
        "source_id": visit.source_id,
        "type": act.type,
        "event_name": act.event_name,
        "user_id": user_id or layout.blank,
        "anonymous_id": anonymous_id or layout.blank,
        "group_id": ACCOUNTS[act.tie] if act.type == "group" else None,
        "previous_id": act.previous_id,
        "original_timestamp": iso(original_timestamp),
        "sent_at": iso(sent_at),
        "received_at": iso(received_at),
        "properties": {
            **({} if act.plan is None else {"plan": act.plan, "cart": {"plan": act.plan}}),
            **TOLD.get(act.place, {}),
            **(GROUPED.get(act.place, {}) if act.type in ("group", "screen") else {}),
        },
        "traits": {
            "identify": {"plan": act.plan, act.tie: act.event_name},
            "group": {"plan": act.plan, act.tie: visit.source_id, "name": act.tie},
        }.get(act.type, {}),
        "context": {
            **({} if act.place == 1 else {"footfall": numbered(visit, event_id)}),
            **({"groupId": "g2"} if act.place == 3 else {}),
            **act.agent,
            **({"campaign": {"source": act.tie, "name": " \n"}} if act.place == 0 else {}),
            **({"page": seen_page(act)} if act.place < 6 else {}),
            **seen_device(act),
            **({"extra_fields": TOLD[5 + "abc".index(act.tie)]} if act.place in (1, 4) else {}),
        },
        "request": {**REQUESTS.get(act.place, {}), **seen_place(act)},
    }


def seen_page(act: Act) -> dict[str, object]:
    """The page's address, where the act tells one, and where it came from."""
    place = "abc".index(act.tie)
    url = {"url": ADDRESSES[place + 3 * act.place]} if act.place < 3 else {}
    path = {"path": {2: "/2", 5: f"/shop/{act.tie}"}[act.place]} if act.place in (2, 5) else {}
    return {**url, **path, "referrer": REFERRERS[6 * place + act.place]}


def surroundings(act: Act) -> tuple[str | None, str | None, float | None, str | None]:
    """What is known of the act's device; two acts of a visit may be on different ones."""
    return SURROUNDINGS[(act.place + 2 * "abc".index(act.tie)) % len(SURROUNDINGS)]


def seen_device(act: Act) -> dict[str, object]:
    """What the device says of itself."""
    time_zone, locale, width, _ = surroundings(act)
    told = {"timezone": time_zone, "locale": locale, "screen": width and {"width": width}}
    return {name: value for name, value in told.items() if value is not None}


def seen_place(act: Act) -> dict[str, object]:
    """What the collector knew of the address."""
    country = surroundings(act)[-1]
    region = {"region": "9", "city": "Vienna"} if country == "AT" else {}
    return {} if country is None else {"location": {"country": country, **region}}


def numbered(visit: Visit, event_id: str) -> dict[str, object]:
    """What the client says of itself; other visits take numbers too, so that some are missing."""
    return {"process": f"of {visit.anonymous_id}", "sequence": int(event_id[-4:]) + 1}


def renumbered(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Every other line as a second call with the same event_id has it, with a number of its own."""
    again: list[Line] = []
    for place, sent in enumerate(lines):
        line = dict(sent)
        client = line["context"].get("footfall")
        if client and place % 2:
            number = {**client, "sequence": client["sequence"] + 2_000}
            line["context"] = {**line["context"], "footfall": number}
        again.append(line)
    return again


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with an explicit offset."""
    if moment is None:
        return None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
