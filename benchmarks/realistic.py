"""Events as products send them, for every benchmark: the same name gives the same bytes.

A line has 0.8 to 1.5 KB. There are thousands of user agents and networks, addresses with ids and
click ids, campaigns, 5 to 30 properties of mixed types, time zones and languages. The SDKs are
those of ``benchmarks/sdks.py``. The busiest person has one in 200 of all events, the median one
about 14 of a million. Visits follow the hours of a day and the days of a week; a tenth comes in
bursts. Lines are in the order of arrival: one visit in 30 arrives up to days late, and one device
in 40 has a wrong clock. No visit is a bot's, and no device changes hands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from heapq import heappop, heappush
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.devices import device_of
from benchmarks.pages import entry, landing_query, page
from benchmarks.properties import DRAWS, Values, uuid, uuid7
from benchmarks.sdks import SERVERS, Sdk, Template, template
from ingestion.facts.segments import EVENTS
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.settings import Settings

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAYS: Final = 60
PERSONS: Final = 50_000
#: Events of a segment: about 32 MiB, at which the collector seals it.
SEGMENT_EVENTS: Final = 24_000
#: Events whose visits are drawn at once, which bounds the memory.
SLICE_EVENTS: Final = 1_000_000

DAY: Final = 86_400_000_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
#: Events of a hundred: pages (of an app, screens) and tracks.
MIX: Final = {
    "page": 34, "report_created": 8, "dashboard_shared": 6, "query_saved": 7, "trial_started": 2,
    "plan_purchased": 2, "project_created": 3, "search_performed": 8, "file_uploaded": 3,
    "filter_applied": 6, "button_clicked": 10, "export_finished": 3, "error_shown": 4,
    "video_watched": 2, "invite_sent": 2,
}  # fmt: skip
#: How busy an hour of a working day is; at the weekend, a third of it.
HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 10, 10, 10, 9, 8, 9, 10, 10, 9, 8, 7, 6, 6, 5, 4, 3)
EVENTS_OF_A_VISIT: Final = 8.0
LONGEST_VISIT: Final = 80
#: A hundred names, so that a number below a hundred draws one.
_NAMES: Final = [name for name, share in MIX.items() for _ in range(share)]

Draw = tuple[str, Callable[[Random], Any]]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of an SDK: its values fill what is sent and the line that lands."""

    sdk: Sdk
    template: Template
    values: Values

    def line(self) -> str:
        """The line that the collector makes of it, with its newline."""
        return self.template.line % self.values

    def sent(self) -> str:
        """The event's JSON as its SDK sends it, and ``values["sent"]`` is the clock beside it."""
        return self.template.sent % self.values


def body(sent: Sequence[Event], key: str) -> bytes:
    """A request body with events, which one SDK of Segment's protocol sends at once."""
    batch = ",".join(event.sent() for event in sent)
    sent_at = sent[-1].values["sent"]
    return f'{{"writeKey":"{key}","sentAt":"{sent_at}Z","batch":[{batch}]}}'.encode()


def land(
    settings: Settings,
    name: str,
    count: int,
    *,
    first_day: float = 0,
    days: float = DAYS,
    persons: int = PERSONS,
) -> None:
    """Land ``count`` events, as the collector leaves them; another name gives other events."""
    seal_events(settings, name, events(name, count, first_day, days, persons))


def seal_events(settings: Settings, name: str, arriving: Iterator[Event]) -> None:
    """Land events in segments of the collector, named ``name`` and a number."""
    landing = Landing(settings.landing)
    workshop = Path(settings.landing) / "open"
    workshop.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(arriving):
        path = workshop / f"{name}-{number:06}.{EVENTS}.ndjson"
        segment = chain([first], islice(arriving, SEGMENT_EVENTS - 1))
        with path.open("wb", buffering=1024 * 1024) as out:
            out.writelines(event.line().encode() for event in segment)
        seal(path, landing, workshop)
        path.unlink()


def events(
    seed: str, count: int, first_day: float = 0, days: float = DAYS, persons: int = PERSONS
) -> Iterator[Event]:
    """``count`` events in the order of arrival, which is within ``days`` days from a day on."""
    random = Random(seed)
    return by_arrival(
        (
            arrives,
            _happening(Visit(int(persons * random.random() ** 2), random), random, arrives, length),
        )
        for part in range(0, count, SLICE_EVENTS)
        for arrives, length in _beginnings(
            random,
            min(SLICE_EVENTS, count - part),
            first_day + days * part / count,
            days * min(SLICE_EVENTS, count - part) / count,
        )
    )


def by_arrival(groups: Iterable[tuple[int, Iterable[tuple[int, Event]]]]) -> Iterator[Event]:
    """All events by when they are received, which each has beside it.

    Groups are in the order in which they begin to arrive, which each group has beside it.
    """
    # A number breaks ties.
    waiting: list[tuple[int, int, Event]] = []
    number = 0
    for begins, arriving in groups:
        while waiting and waiting[0][0] < begins:
            yield heappop(waiting)[2]
        for received, event in arriving:
            number += 1
            heappush(waiting, (received, number, event))
    while waiting:
        yield heappop(waiting)[2]


def _beginnings(random: Random, count: int, first_day: float, days: float) -> list[tuple[int, int]]:
    """When visits begin to arrive, in µs since 1970, and their lengths, together ``count``."""
    first = microseconds(START) + int(first_day * DAY)
    beginnings = []
    while count:
        at = first + int(random.random() * days * DAY)
        if random.random() < 0.1:
            # The newsletter of a day.
            burst = at - at % DAY + int(Random(at // DAY).uniform(8, 18) * 3600 * SECOND)
            late = burst + int(random.expovariate(1 / 600) * SECOND)
            at = late if first <= late < first + days * DAY else at
        else:
            hour, is_weekend = at % DAY // (3600 * SECOND), (at // DAY + 3) % 7 > 4
            if random.random() * 10 > HOURS[hour] / (3 if is_weekend else 1):
                continue
        length = min(count, LONGEST_VISIT, 1 + int(random.expovariate(1 / EVENTS_OF_A_VISIT)))
        beginnings.append((at, length))
        count -= length
    return sorted(beginnings)


def _happening(visit: Visit, random: Random, at: int, length: int) -> Iterator[tuple[int, Event]]:
    """The events of a visit, each with when it is received."""
    delay = int(random.expovariate(1.0) * DAY) if random.random() < 1 / 30 else 0
    if at - delay < microseconds(START):
        delay = 0  # else the first days would have gaps
    signs_in_at = random.randrange(4) if visit.is_customer and random.random() < 0.8 else length
    for step in range(length):
        at += int(random.expovariate(1 / 40) * SECOND)
        if step == signs_in_at:
            visit.is_known = True
        if step == signs_in_at > 0:
            name = "group" if random.random() < 0.15 else "identify"
        else:
            name = _NAMES[int(random.random() * 100)] if step else "page"
        received = at + 150_000 + int(random.random() * 1_500_000)
        yield received, visit.event(name, at - delay, received)


class Visit:
    """A visit of a person with one of the person's two devices, or one of a server's events."""

    def __init__(self, person: int, random: Random, *, is_known: bool = False) -> None:
        self._random = random
        self.is_known = is_known
        device = device_of(person, random.random() < 0.3)
        self._sdk = device.sdk
        self._skew = device.skew
        self.is_customer = device.is_customer
        self._values = dict(device.values)
        self._values["visit_id"] = uuid(random)
        self._values["sequence"] = 0
        self._enter()

    def event(self, name: str, at: int, received: int) -> Event:
        """What happens: ``page``, ``identify``, ``group`` or a track; times in µs since 1970."""
        random, values, sdk = self._random, self._values, self._sdk
        type_ = name if name in ("identify", "group") else "track"
        is_late = received - at > MINUTE
        if name == "page" or "path" not in values:
            self._open_page()
        if name == "page":
            type_ = "screen" if sdk.source == "app" else "page"
        elif type_ == "track" and self.is_known and not is_late and random.random() < 0.15:
            sdk = SERVERS[int(random.random() * len(SERVERS))]
        is_of_device = sdk is self._sdk
        skew = self._skew if is_of_device else 0
        values["sequence"] += is_of_device
        values["milliseconds"] = at // 1000
        values["original"] = clock(at - skew)[:-3]
        values["sent"] = clock(received - 100_000 - skew)[:-3]
        values["received"] = clock(received) + "Z"
        values["event_id"] = uuid7(at, random)
        form, draws = _form(sdk, type_, name, self.is_known)
        for value, draw in draws:
            values[value] = draw(random)
        return Event(sdk, form, values.copy())

    def _enter(self) -> None:
        values = self._values
        campaign, values["url"] = entry(self._random)
        values["entry_referrer"] = values["url"] or "$direct"
        values["campaign"] = campaign.json if campaign else "{}"
        self._query = landing_query(campaign, self._random) if campaign else ""

    def _open_page(self) -> None:
        """Show another page; its referrer is the one before, and the first has the campaign."""
        values, shown = self._values, page(self._random)
        values["referrer"] = values["url"]
        values["path"], values["title"] = shown.path, shown.title
        values["search"] = self._query or shown.search
        self._query = ""
        values["url"] = f"{shown.host}{shown.path}{values['search']}"


@cache
def _form(sdk: Sdk, type_: str, name: str, is_known: bool) -> tuple[Template, list[Draw]]:
    """The template of an event, and the values that are drawn for it, in a fixed order."""
    form = template(sdk, type_, name, is_known)
    return form, [(value, DRAWS[value]) for value in sorted(form.values & DRAWS.keys())]


def microseconds(at: datetime) -> int:
    """µs since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def clock(at: int) -> str:
    """µs since 1970 as ISO 8601 in UTC, without a zone."""
    minute, rest = divmod(at, MINUTE)
    # Its digits after the first are two of the second and six of the fraction.
    digits = str(100 * SECOND + rest)
    return f"{_minute(minute)}:{digits[1:3]}.{digits[3:]}"


@lru_cache(maxsize=10_000)
def _minute(minute: int) -> str:
    return (EPOCH + timedelta(minutes=minute)).isoformat()[:16]
