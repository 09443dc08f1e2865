"""From loads to counted events: reading lines, dropping duplicates, telling the time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote

from tests.oracle import agents

Line = Mapping[str, Any]

#: Parameters that say that somebody clicked on something of a network.
CLICK_IDS = (
    *("gclid", "gbraid", "wbraid", "dclid", "msclkid", "yclid", "fbclid", "igshid", "ttclid"),
    *("twclid", "li_fat_id", "rdt_cid", "sccid", "epik", "irclickid"),
)

SESSION_TYPES = ("track", "page", "screen")
#: What happens without the person: what the client says of itself, and what the project lists.
PASSIVE_EVENTS = ("footfall_events_dropped", "$pageleave", "Email Delivered")
GOOD_CLOCK = timedelta(seconds=2)
#: How long a live event may have waited for its delivery.
LONGEST_WAIT = timedelta(days=366)
#: The type of PostHog's groups that is the account.
ACCOUNT_TYPE = "company"
#: Nothing is older than this, not even what is told as history.
FIRST_CLOCK = datetime(1970, 1, 1)
#: What is no id, whatever the case, and whatever blanks or quotes stand around it.
NOBODY = (
    *("", "undefined", "null", "(null)", "nil", "<nil>", "none", "nan", "n/a", "unknown"),
    *("anonymous", "guest", "not_authenticated", "true", "false", "0", "-1", "[object object]"),
    *("00000000-0000-0000-0000-000000000000", "0" * 32),
)


class File(NamedTuple):
    """A segment: its name in the landing and its lines, top to bottom."""

    name: str
    lines: Sequence[Line]


Load = Sequence[tuple[str, Sequence[Line]]]


class Campaign(NamedTuple):
    """What a link says of the campaign it is part of."""

    source: str | None = None
    medium: str | None = None
    name: str | None = None
    term: str | None = None
    content: str | None = None
    #: The parameter that identifies a click.
    click_id: str | None = None


class Page(NamedTuple):
    """What an event says of the page it happened on."""

    path: str | None = None
    url: str | None = None
    referrer: str | None = None


class Surroundings(NamedTuple):
    """What an event says of its device and of where it was sent from."""

    time_zone: str | None = None
    locale: str | None = None
    screen_width: float | None = None
    location_country: str | None = None
    location_region: str | None = None
    location_city: str | None = None


@dataclass(frozen=True)
class Arrival:
    """A line and where it stood when it was loaded."""

    load_number: int
    file_name: str
    line_number: int
    told_received_at: datetime
    began_at: datetime | None
    line: Line

    @property
    def turn(self) -> tuple[int, datetime, str, int]:
        """The order in which lines claim their event_id."""
        return (self.load_number, self.told_received_at, self.file_name, self.line_number)

    @property
    def received_at(self) -> datetime:
        """What a load brings was there when it began, whatever the line says."""
        return min(self.told_received_at, self.began_at or self.told_received_at)


@dataclass(frozen=True)
class Event:
    """A counted event, its ids without those that name nobody and its clocks in naive UTC."""

    event_id: str
    source_id: str
    type: str
    event_name: str
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    previous_id: str | None
    occurred_at: datetime
    received_at: datetime
    known_at: datetime
    time_quality: str
    clock_skew_ms: int | None
    properties: Mapping[str, Any]
    traits: Mapping[str, Any]
    set_once: Mapping[str, Any]
    unset: frozenset[str]
    account_traits: Mapping[str, Any]
    campaign: Campaign
    page: Page
    device: agents.Device
    surroundings: Surroundings
    is_bot: bool

    @property
    def order(self) -> tuple[datetime, str]:
        """The total order of events: when, then event_id."""
        return (self.occurred_at, self.event_id)

    @property
    def visitor(self) -> str | None:
        """The device, else the user; none where the product named nobody."""
        return self.anonymous_id or self.user_id

    @property
    def is_activity(self) -> bool:
        """Whether it makes a person active."""
        return (
            self.type in SESSION_TYPES
            and self.event_name not in PASSIVE_EVENTS
            and self.visitor is not None
        )

    @property
    def opens_session(self) -> bool:
        """Whether a session begins or goes on with it; a server's event only joins one."""
        return self.is_activity and not (self.type == "track" and self.anonymous_id is None)


def arrivals(loads: Sequence[Load], began: Sequence[datetime] = ()) -> list[Arrival]:
    """Every line of every load, in the order in which lines claim their event_id.

    ``began`` says when each load began, if that is known: nothing was received after that.
    """
    received = []
    names: set[str] = set()
    for load_number, load in enumerate(loads, start=1):
        for file_name, lines in load:
            if file_name in names:
                raise ValueError(f"file {file_name} comes twice")
            names.add(file_name)
            for line_number, line in enumerate(lines, start=1):
                received_at = utc(line["received_at"])
                if received_at is None:
                    raise ValueError(f"{file_name}:{line_number} has no received_at")
                began_at = began[load_number - 1] if began else None
                place = (load_number, file_name, line_number)
                received.append(Arrival(*place, received_at, began_at, line))
    return sorted(received, key=lambda arrival: arrival.turn)


def counted_events(received: list[Arrival], is_bot: Callable[[Line], bool]) -> list[Event]:
    """One event per event_id, the first that came, in the total order of events."""
    counted: dict[str, Event] = {}
    for arrival in received:
        event_id = arrival.line["event_id"]
        if event_id not in counted:
            counted[event_id] = _event(arrival, is_bot)
    return sorted(counted.values(), key=lambda event: event.order)


def duplicates(received: list[Arrival]) -> list[dict[str, Any]]:
    """One row per source: lines received, counted, dropped, and dropped with other content."""
    first: dict[str, Arrival] = {}
    for arrival in received:
        first.setdefault(arrival.line["event_id"], arrival)
    rows = []
    for source_id in sorted({arrival.line["source_id"] for arrival in received}):
        own = [arrival for arrival in received if arrival.line["source_id"] == source_id]
        dropped = [a for a in own if a is not first[a.line["event_id"]]]
        collisions = [
            a for a in dropped if content(a.line) != content(first[a.line["event_id"]].line)
        ]
        rows.append(
            {
                "source_id": source_id,
                "received": len(own),
                "counted": len(own) - len(dropped),
                "duplicates": len(dropped),
                "id_collisions": len(collisions),
            }
        )
    return rows


def content(line: Line) -> str:
    """What the product said, without what a resend may change."""
    told = {
        "source_id": line["source_id"],
        "type": line["type"],
        "event_name": line["event_name"],
        "user_id": identifier(line, "user_id"),
        "anonymous_id": identifier(line, "anonymous_id"),
        "group_id": line.get("group_id") or None,
        "previous_id": identifier(line, "previous_id"),
        "original_timestamp": str(utc(line.get("original_timestamp"))),
        "properties": line.get("properties") or {},
        "traits": line.get("traits") or {},
    }
    return json.dumps(told, sort_keys=True)


def identifier(line: Line, field: str) -> str | None:
    """The field's text, unless it names nobody."""
    return known(line.get(field))


def known(told: str | None) -> str | None:
    """The id, unless it names nobody."""
    if told is None or told.strip(" \t\n\r\f\xa0'\"").lower() in NOBODY:
        return None
    return told


def utc(clock: str | datetime | None) -> datetime | None:
    """Naive UTC; a clock without an offset is UTC already."""
    if clock is None:
        return None
    moment = datetime.fromisoformat(clock) if isinstance(clock, str) else clock
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def tell_time(
    original_timestamp: datetime | None,
    sent_at: datetime | None,
    received_at: datetime,
    *,
    is_live: bool,
) -> tuple[datetime, str]:
    """When it occurred, and how we know."""
    if original_timestamp is None:
        return received_at, "received"
    is_good = sent_at is None or abs(received_at - sent_at) <= GOOD_CLOCK
    age = (received_at if is_good else sent_at or received_at) - original_timestamp
    if age > received_at - FIRST_CLOCK or (is_live and age > LONGEST_WAIT):
        return received_at, "implausible"
    if sent_at is None or abs(received_at - sent_at) <= GOOD_CLOCK:
        if original_timestamp > received_at:
            return received_at, "clamped"
        return original_timestamp, "trusted"
    if original_timestamp > sent_at:
        return received_at, "clamped"
    return received_at - (sent_at - original_timestamp), "corrected"


def skew_in_ms(sent_at: datetime | None, received_at: datetime) -> int | None:
    """Whole milliseconds from sending to receiving by the two clocks, cut towards zero."""
    if sent_at is None:
        return None
    milliseconds = abs(received_at - sent_at) // timedelta(milliseconds=1)
    return milliseconds if received_at >= sent_at else -milliseconds


def is_history(line: Line) -> bool:
    """Whether somebody told it as history, with an endpoint or a flag for that."""
    request = line.get("request") or {}
    beside = request.get("batch") or {}
    return request.get("path") == "/v1/import" or beside.get("historical_migration") is True


def is_live(line: Line) -> bool:
    """Whether a request told it as it happened; a bulk file's line names no request."""
    return "path" in (line.get("request") or {}) and not is_history(line)


def traits_set(line: Line) -> Mapping[str, Any]:
    """An identify's traits and the $set of any event; PostHog's traits say the same as its $set."""
    is_posthog = (line.get("request") or {}).get("protocol") == "posthog"
    is_told = line["type"] == "identify" and not is_posthog
    return {**((is_told and line.get("traits")) or {}), **told_as(line, "$set")}


def is_of_account(line: Line) -> bool:
    """Whether the group that the line describes is an account; PostHog's groups have types."""
    told: str = (line.get("properties") or {}).get("$group_type", ACCOUNT_TYPE)
    return told == ACCOUNT_TYPE


def account(line: Line) -> str | None:
    """The account that it names: as its group, in its context, or among its groups of a type."""
    properties = line.get("properties") or {}
    groups = properties.get("$groups") or {}
    # Mixpanel's events have a property that is called as the type.
    told = properties.get(ACCOUNT_TYPE) if "mp_lib" in properties else None
    return (
        (identifier(line, "group_id") if is_of_account(line) else None)
        or known((line.get("context") or {}).get("groupId"))
        or known(groups.get(ACCOUNT_TYPE))
        or known(told[0] if isinstance(told, list) else told)
    )


def account_traits(line: Line) -> Mapping[str, Any]:
    """What a group call says of its account."""
    return ((line["type"] == "group" and is_of_account(line)) and line.get("traits")) or {}


def told_as(line: Line, word: str) -> dict[str, Any]:
    """What stands under the word beside the properties, before what stands in them."""
    found: dict[str, Any] = {}
    extra_fields = (line.get("context") or {}).get("extra_fields")
    for place in (line.get("properties"), extra_fields):
        told = (place or {}).get(word)
        if isinstance(told, list) and word == "$unset":
            told = dict.fromkeys(told)
        if isinstance(told, Mapping):
            found.update(told)
    return found


def campaign(line: Line) -> Campaign:
    """Each field from the context, else from the parameters of the page's address."""
    context = line.get("context") or {}
    told = context.get("campaign") or {}
    linked = parameters(page(line).url or "")
    names = ("source", "medium", "campaign", "term", "content")
    fields = (
        visible(told.get("name" if name == "campaign" else name))
        or visible(linked.get(f"utm_{name}"))
        for name in names
    )
    clicks = (name for name, value in linked.items() if name in CLICK_IDS and value)
    return Campaign._make((*fields, next(clicks, None)))


def page(line: Line) -> Page:
    """Each field from the context, else from the properties of a page or screen."""
    told = dict((line.get("context") or {}).get("page") or {})
    if line["type"] in ("page", "screen"):
        told = {**(line.get("properties") or {}), **told}
    return Page(told.get("path"), told.get("url"), told.get("referrer") or None)


def told_properties(line: Line) -> Mapping[str, Any]:
    """What a call says about its event; an identify or group call describes its user or group."""
    describes = line["type"] in ("identify", "group")
    return line.get("properties") or (describes and line.get("traits")) or {}


def surroundings(line: Line) -> Surroundings:
    """What the context says, and what the collector knew of the address."""
    context = line.get("context") or {}
    place = (line.get("request") or {}).get("location") or {}
    width = (context.get("screen") or {}).get("width")
    return Surroundings(
        context.get("timezone"),
        context.get("locale"),
        width,
        *(place.get(name) for name in ("country", "region", "city")),
    )


def parameters(address: str) -> dict[str, str]:
    """What the query and the fragment of an address name, by key in lower case; the first counts.

    A fragment may be a route with a query of its own, and an ampersand written as HTML writes it.
    """
    query, *fragments = with_plain_ampersands(address).split("#")
    pairs = query.partition("?")[2].split("&")
    for fragment in fragments:
        route, mark, rest = fragment.partition("?")
        is_route = mark == "?" and not {"=", "&"} & set(route)
        pairs += (rest if is_route else fragment).split("&")
    found: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        found.setdefault(unquote(key).lower(), without_codes(value.replace("+", " ")))
    return found


def with_plain_ampersands(address: str) -> str:
    """The address with &amp; and &#038; as plain ampersands, however often they were escaped."""
    escaped = re.compile("(&|#|^[^?#]*[?])(?:amp|#0*38|#x0*26)(?:;|%3b)", re.IGNORECASE)
    address = re.sub("(?<!&)#(0*38|x0*26);", "&", address, flags=re.IGNORECASE)
    while (plainer := escaped.sub(r"\1", address)) != address:
        address = plainer
    return address


def without_codes(text: str) -> str:
    """The text that percent codes stand for, or as it was sent where they are no UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def visible(text: str | None) -> str | None:
    """The text with control characters as blanks and none around it; null where none is left."""
    return re.sub("[\0-\x1f\x7f-\x9f]+", " ", text or "").strip(" ") or None


def names_a_bot(line: Line) -> bool:
    """Whether the browser's user agent is a bot's."""
    return agents.is_bot((line.get("context") or {}).get("userAgent"))


def _event(arrival: Arrival, is_bot: Callable[[Line], bool]) -> Event:
    line = arrival.line
    sent_at = utc(line.get("sent_at"))
    occurred_at, time_quality = tell_time(
        utc(line.get("original_timestamp")), sent_at, arrival.received_at, is_live=is_live(line)
    )
    return Event(
        event_id=line["event_id"],
        source_id=line["source_id"],
        type=line["type"],
        event_name=line["event_name"],
        user_id=identifier(line, "user_id"),
        anonymous_id=identifier(line, "anonymous_id"),
        group_id=account(line),
        previous_id=identifier(line, "previous_id"),
        occurred_at=occurred_at,
        received_at=arrival.received_at,
        known_at=occurred_at if is_history(line) else arrival.received_at,
        time_quality=time_quality,
        clock_skew_ms=skew_in_ms(sent_at, arrival.received_at),
        properties=told_properties(line),
        traits=traits_set(line),
        set_once=told_as(line, "$set_once"),
        unset=frozenset(told_as(line, "$unset")),
        account_traits=account_traits(line),
        campaign=campaign(line),
        page=page(line),
        device=agents.device(line.get("context") or {}),
        surroundings=surroundings(line),
        is_bot=is_bot(line),
    )
