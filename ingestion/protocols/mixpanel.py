"""Mixpanel's ingestion API, converted to Segment's shape.

Pure: no I/O. https://developer.mixpanel.com/reference/ingestion-api describes the shapes. The
project's token, which is in each event, is the write key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, Final, Literal

import msgspec

from ingestion.facts.clocks import SMALLEST_EPOCH_MS
from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.protocols.batch_json import Batch, fields_of_first, inflate, open_body
from ingestion.protocols.fields import Refused, identifier, json_object
from ingestion.protocols.forms import form_data
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Endpoint, Events, Id, Object, Outside, Protocol
from ingestion.protocols.responses import (
    Answer,
    Failure,
    RefusedEvent,
    answered,
    refused_events,
)
from ingestion.protocols.verdict import Verdict

#: Mixpanel's SDKs write this before the id of a device.
_DEVICE: Final = "$device:"
_EPOCH: Final = datetime(1970, 1, 1)
#: Property → the field of ``context.page`` with the same meaning.
_PAGE: Final = {
    "$current_url": "url",
    "current_url_path": "path",
    "$referrer": "referrer",
    "current_page_title": "title",
}
#: The fields of an event, of its properties or of a profile that hold the key.
_KEYS: Final = ("token", "$token", "api_key")
#: Operations on a profile that only set traits, each over those before it.
_SETS: Final = ("$set_once", "$set")
#: Where one event of an import ends, and the next one begins.
_BETWEEN_LINES: Final = re.compile(rb"\}\s*\n\s*\{")
_VERBOSE: Final = re.compile(rb"(?:^|&)verbose=1(?:&|\Z)")
_READ: Final = frozenset({"$distinct_id", "$group_key", "$group_id", "$time", *_SETS, *_KEYS})


class MixpanelEvent(msgspec.Struct, kw_only=True):
    """An event, with its ids and clock in its properties; or a change to a profile.

    A profile is that of a person, or of a group.
    """

    event: str | None = None
    properties: Object = None
    distinct_id: Id = msgspec.field(name="$distinct_id", default=None)
    group_key: str | None = msgspec.field(name="$group_key", default=None)
    group_id: Id = msgspec.field(name="$group_id", default=None)
    set_: Object = msgspec.field(name="$set", default=None)


class MixpanelStored(msgspec.Struct, kw_only=True):
    """The answer to who asks for more than ``1``."""

    status: Annotated[int, msgspec.Meta(extra_json_schema={"const": 1})] = 1
    error: None = None
    num_records_imported: Annotated[int, msgspec.Meta(ge=0)]
    refused: list[RefusedEvent]


class MixpanelFailure(Failure, kw_only=True):
    """What is wrong; Python's SDK reads ``status`` and ``error`` in place of the HTTP status."""

    status: Annotated[int, msgspec.Meta(extra_json_schema={"const": 0})] = 0
    error: str


def shared(record: Json, properties: Json, zone: tzinfo = UTC) -> Iterator[Json]:
    """An event, live or exported, in Segment's shape; a merge may be several. Raises Refused.

    ``properties`` are its own, without the key. Without a zone given its clock is UTC.
    """
    name = record.get("event")
    told = properties.get("time")
    moment = None if told is None else _moment(_seconds(told), zone)
    insert_id = properties.get("$insert_id")
    event = {
        **{field: value for field, value in record.items() if field not in ("event", "properties")},
        "type": "track",
        "event": name,
        # Mixpanel itself counts equal ids of the same name and second as one event. The second is
        # that of UTC, which live events have: of a clock on the wall it is another number.
        "messageId": insert_id
        and derived_id("mixpanel", name, moment and int(moment.timestamp()), insert_id),
        "timestamp": moment,
        "properties": properties,
        "context": _context(properties),
    }
    if name == "$identify":
        yield event | {
            "type": "identify",
            "userId": identifier(properties, "$identified_id"),
            "anonymousId": _device(identifier(properties, "$anon_id")),
        }
    elif name == "$create_alias":
        yield event | {
            "type": "alias",
            "userId": identifier(properties, "alias"),
            "previousId": _device(identifier(properties, "distinct_id")),
        }
    elif name == "$merge":
        yield from _merge(event, properties)
    else:
        page = {"type": "page", "event": None} if name == "$mp_web_page_view" else {}
        yield event | page | _ids(properties)


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert an event or a change of a profile to Segment's shape; raises Refused."""
    if "event" not in event:
        return _profile(event)
    properties = dict(json_object(event, "properties"))
    for name in _KEYS:
        properties.pop(name, None)
    # A merge of SDKs names two ids, so it is one alias.
    return next(shared(event, properties))


def _profile(profile: Json) -> Json:
    """A change to the profile of a person, who gets traits, or to that of a group."""
    traits: Json = {}
    for operation in _SETS:
        traits |= json_object(profile, operation)
    told = profile.get("$time")
    read = {
        # Operations that no trait can hold, such as $add.
        **{name: value for name, value in profile.items() if name not in _READ},
        "timestamp": None if told is None else _moment(_seconds(told), UTC),
        "traits": traits,
    }
    if "$group_key" in profile:
        key, group = identifier(profile, "$group_key"), identifier(profile, "$group_id")
        # Nobody acts here, so the group stands for itself.
        return read | {
            "type": "group",
            "groupId": group,
            "anonymousId": f"${key}_{group}",
            "properties": traits | {"$group_type": key},
        }
    distinct_id = identifier(profile, "$distinct_id")
    if distinct_id and distinct_id.startswith(_DEVICE):
        return read | {"type": "identify", "anonymousId": _device(distinct_id)}
    return read | {"type": "identify", "userId": distinct_id}


def _merge(event: Json, properties: Json) -> Iterator[Json]:
    told = properties.get("$distinct_ids")
    if not isinstance(told, list) or len(told) < 2:
        raise Refused("invalid_field", "$distinct_ids must be a list of two ids")
    ids = [identifier({"$distinct_ids": each}, "$distinct_ids") or "" for each in told]
    user = next((each for each in ids if not each.startswith(_DEVICE)), ids[0])
    for number, other in enumerate(each for each in ids if each != user):
        yield event | {
            "type": "alias",
            "messageId": event["messageId"] and derived_id(event["messageId"], number),
            "userId": _device(user),
            "previousId": _device(other),
        }


def _ids(properties: Json) -> Json:
    """The ids as they were when the event was sent.

    An export's ``distinct_id`` is that of today's person. If the event names a device and no user,
    nobody had signed in, and a later ``distinct_id`` must not become its user.
    """
    told = identifier(properties, "distinct_id")
    device = identifier(properties, "$device_id")
    user = identifier(properties, "$user_id")
    if not device and not user and told:
        if told.startswith(_DEVICE):
            device = told
        else:
            user = told
    return {"userId": user, "anonymousId": _device(device)}


def _device(told: str | None) -> str | None:
    return told.removeprefix(_DEVICE) if told else told


def _seconds(value: object) -> float:
    """Seconds since 1970; exports and imports write seconds, or milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("invalid_timestamp", "time must be seconds or milliseconds since 1970")
    return value / 1000 if abs(value) >= SMALLEST_EPOCH_MS else value


def _moment(seconds: float, zone: tzinfo) -> datetime:
    """The moment in UTC. ``seconds`` are those of the clock on the wall of ``zone``.

    An hour that a clock repeats is taken for its first time.
    """
    try:
        return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        raise Refused("invalid_timestamp", f"time is out of range: {seconds}") from None


def _context(properties: Json) -> Json:
    context: Json = {}
    if properties.get("mp_lib"):
        library = {"name": properties["mp_lib"], "version": properties.get("$lib_version")}
        context["library"] = library
    page = {
        field: properties[name]
        for name, field in _PAGE.items()
        if properties.get(name) not in (None, "", "$direct")
    }
    if "url" in page:
        context["page"] = page
    if properties.get("$screen_width"):
        context["screen"] = {
            "width": properties["$screen_width"],
            "height": properties.get("$screen_height"),
        }
    if properties.get("$os"):
        context["os"] = {"name": properties["$os"], "version": properties.get("$os_version")}
    return context


def _query(query: bytes) -> bytes:
    carried = form_data(query)
    if carried is None:
        raise Unreadable(400, "invalid_query", "give the events as JSON or base64 in data")
    return _rewrite(inflate(carried), Outside(query))


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """The events as one batch, with what the answer depends on beside it."""
    text = text.strip()
    if text[:1] == b"{":
        # An import may have one event per line. In one event, two brackets never meet like this.
        text = b"[%s]" % _BETWEEN_LINES.sub(b"},{", text)
    if not text:
        return text
    is_verbose = any(map(_VERBOSE.search, (outside.query, outside.form)))
    return b'{"batch":%s,"verbose":%s}' % (text, b"true" if is_verbose else b"false")


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=True, or_single=True, or_array=True)
    places = fields_of_first(batch.events)
    key = next((place[name] for place in places for name in _KEYS if name in place), None)
    fields = {name: batch.fields[name] for name in ("verbose",) if name in batch.fields}
    return Batch(batch.events, fields | ({_KEYS[0]: key} if key else {}))


def _answer(batch: Batch, verdict: Verdict) -> Answer:
    """What SDKs need: Node's takes anything but the text 1 for a failure, unless it is verbose."""
    if batch.fields.get("verbose") != b"true":
        return answered(1)
    told = MixpanelStored(
        num_records_imported=len(verdict.accepted), refused=refused_events(verdict)
    )
    return answered(told)


def _failure(problem: Failure, status: int, events: int) -> MixpanelFailure:
    return MixpanelFailure(
        success=False, code=problem.code, message=problem.message, error=problem.message
    )


_endpoint: Final = Endpoint(
    open=_open,
    # A form, or a query, carries the list alone.
    bodies=(Annotated[list[MixpanelEvent], Events], MixpanelEvent),
    methods=("POST", "GET"),
    query=_query,
    rewrite=_rewrite,
    answer=_answer,
    answers=Literal[1] | MixpanelStored,
    takes_forms=True,
)
#: What /import brings is history: the clock of sending says nothing about an event's.
_import: Final = replace(_endpoint, tells_history=True)

MIXPANEL: Final = Protocol(
    name="mixpanel",
    title="Mixpanel",
    # OpenPanel has /track too. All SDKs of Mixpanel take a path before their own.
    endpoints={
        **{f"/mixpanel/{path}": _endpoint for path in ("track", "engage", "groups")},
        "/mixpanel/import": _import,
    },
    read=read,
    event=MixpanelEvent,
    example={
        "event": "checkout_clicked",
        "properties": {"$insert_id": "5f2c1d0e", "distinct_id": "u1", "value": "annual"},
    },
    key_field=_KEYS[0],
    key_parameter=None,
    # Its /import takes the name and the secret of an account.
    has_other_credentials=True,
    own_secret_fields=_KEYS,
    event_id_field="$insert_id",
    id_is_inside=True,
    names_by_content=True,
    user_fields=("distinct_id", "$user_id", "$distinct_id"),
    device_fields=("$device_id",),
    batch_field=None,
    query_says="An event, or a list of them, under data: as JSON or that in base64.",
    query_carries=MixpanelEvent,
    failure=_failure,
)
