"""Segment's HTTP tracking API, judged: what is kept, in the canonical line, and what is refused.

Pure: no I/O, and the clock is an argument. https://segment.com/docs/connections/spec/common/
describes the shapes; the SDKs that send them differ, and each difference met has its line here.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from ingestion.facts.clocks import utc_text
from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import EVENT_TYPES, EventLine, Json, encode_line, names_nothing
from ingestion.facts.identifiers import uuid7
from ingestion.facts.redaction import key_fields, without_key_fields
from ingestion.facts.refusals import KEPT_OF_CUT_EVENT, MAX_QUARANTINED_BYTES, refused_line
from ingestion.protocols.batch_json import MAX_DEPTH, Batch, inflate
from ingestion.protocols.fields import (
    Refused,
    decode_event,
    identifier,
    json_object,
    message_id,
    take_clock,
)
from ingestion.protocols.forms import form_data, query_fields
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.verdict import Refusal, RequestFacts, Verdict

#: Under this key of ``context`` stand the top-level fields that the line has no column for.
EXTRA_FIELDS: Final = "extra_fields"

#: Path → the type it stands for; None where each event says its own. The one-letter forms are
#: those of Segment's browser SDK.
PATHS: Final[dict[str, str | None]] = {
    "/v1/track": "track",
    "/v1/t": "track",
    "/v1/page": "page",
    "/v1/p": "page",
    "/v1/screen": "screen",
    "/v1/s": "screen",
    "/v1/identify": "identify",
    "/v1/i": "identify",
    "/v1/group": "group",
    "/v1/g": "group",
    "/v1/alias": "alias",
    "/v1/a": "alias",
    "/v1/batch": None,
    "/v1/b": None,
    "/v1/import": None,
    # What RudderStack's browser SDK sends as a page goes away.
    "/beacon/v1/batch": None,
}
IMPORT_PATH: Final = "/v1/import"
#: Segment's pixels, and RudderStack's, which AMP pages ask for.
PIXEL_PATHS: Final = {
    f"{prefix}/{type_}": type_ for prefix in ("/v1/pixel", "/pixel/v1") for type_ in EVENT_TYPES
}

#: Namespace of the ids that follow from an event's content; fixed for all time.
_NAMESPACE: Final = uuid.UUID("b8f8b3c4-5c1e-5d5b-8a35-6a0c4b7f9d02")
_EVENT_NAMES: Final = {"page": "page_view", "screen": "screen_view"}
#: Fields that end up in a column of their own; ``writeKey`` is a secret and is kept nowhere.
_CONSUMED: Final = frozenset(
    {"type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event"}
    | {"properties", "traits", "context", "writeKey"}
)


def pixel_body(query: bytes) -> bytes:
    """The event of a pixel as JSON text: in base64 under ``data``, or each field by itself.

    AMP's form says ``context.page.path=/a`` for a field inside. Raises Unreadable.
    """
    carried = form_data(query)
    if carried is not None:
        return inflate(carried)
    parameters = query_fields(query)
    if "data" in parameters:
        raise Unreadable(400, "invalid_query", "data must be an event's JSON as base64")
    event: Json = {}
    for name, value in parameters.items():
        *path, last = name.split(".", MAX_DEPTH)
        place = event
        for step in path:
            inside = place.setdefault(step, {})
            if not isinstance(inside, dict):
                # A field cannot be text and hold others too.
                place, last = event, name
                break
            place = inside
        place.setdefault(last, value)
    return msgspec.json.encode(event)


def judge(
    batch: Batch,
    source: str,
    received_at: datetime,
    request: RequestFacts,
    *,
    read: Callable[[Json, Mapping[str, Any]], Json] | None = None,
    key: str | None = None,
    mint: Callable[[], str] = uuid7,
    allowance: int = MAX_INFLATED_BYTES,
) -> Verdict:
    """Split a batch into events to keep and events to refuse, each with its reason.

    One bad event never costs the caller the rest of the batch. The path says the type of a
    single event. An import tells history, so its sending clock says nothing about an event's:
    it is kept among the extra fields. Another protocol gives a ``read`` that makes an event of
    Segment's shape out of one of its own and what stands beside the batch. Of refused events
    ``allowance`` bytes are kept, inherited fields included; past it each one's beginning only.
    ``key`` is the request's write key, which no line holds.
    """
    keys = key_fields(request.protocol)
    forced_type = PATHS.get(request.path) or PIXEL_PATHS.get(request.path)
    ignores_sent_at = request.path == IMPORT_PATH
    verdict = Verdict()
    received = utc_text(received_at)
    facts = request.as_json()
    beside = {} if forced_type else _fields_beside(batch.fields, keys, key)
    twins: Counter[bytes] = Counter()
    spoilt = beside if isinstance(beside, Refused) else None
    beside = {} if isinstance(beside, Refused) else beside
    beside_bytes = sum(len(name) + len(raw) for name, raw in batch.fields.items()) if beside else 0
    for index, text in enumerate(batch.events):
        try:
            if spoilt:
                raise spoilt
            event = decode_event(text)
            for name in keys:
                event.pop(name, None)
            merged = (read or _merge)(event, beside)
            line = _canonical(merged, source, received, facts, forced_type, ignores_sent_at, mint)
            if not line.event_id:
                line = _named_by_content(line, twins, mint)
            verdict.accepted.append(_encoded_without_key(line, key))
        except Refused as refused:
            event_id = message_id(text, request.protocol)
            is_whole = len(text) + beside_bytes <= allowance
            allowance -= len(text) + beside_bytes if is_whole else 0
            verdict.refused.append(
                Refusal(
                    index=index,
                    event_id=event_id,
                    reason=refused.reason,
                    detail=refused.detail,
                    line=refused_line(
                        text,
                        source=source,
                        reason=refused.reason,
                        detail=refused.detail,
                        received_at=received,
                        request=facts | {"batch": beside} if beside and is_whole else facts,
                        event_id=event_id,
                        refused_id=mint(),
                        keep=MAX_QUARANTINED_BYTES if is_whole else KEPT_OF_CUT_EVENT,
                        left_out=0 if is_whole else beside_bytes,
                    ),
                )
            )
    return verdict


def _encoded_without_key(line: EventLine[Json], key: str | None) -> bytes:
    """An accepted event's line, without the fields that hold a key, the request's own or any."""
    text = encode_line(line)
    # A name has one spelling in what is encoded here, or stands in text with its own escapes.
    if not (
        b"writeKey" in text
        or b"api_key" in text
        or b"\\\\u00" in text
        or (key and (b'"token":' in text or b'"aid":' in text))
    ):
        return text
    return encode_line(
        msgspec.structs.replace(
            line,
            properties=without_key_fields(line.properties, key),
            traits=without_key_fields(line.traits, key),
            context=without_key_fields(line.context, key),
        )
    )


def _fields_beside(
    fields: Mapping[str, bytes], keys: tuple[str, ...], key: str | None
) -> Json | Refused:
    """What stands beside ``batch``, decoded, without keys; every event of the batch inherits it."""
    try:
        decoded = {
            name: decode_event(b'{"_":%s}' % raw)["_"]
            for name, raw in fields.items()
            if name not in keys and name != "messageId"
        }
        for name in ("context", "integrations"):
            if not isinstance(decoded.get(name), dict | None):
                raise Refused("invalid_field", f"{name} must be a JSON object")
    except Refused as refused:
        return Refused(refused.reason, f"beside the batch: {refused.detail}")
    return dict(without_key_fields(decoded, key))


def _merge(event: Json, beside: Mapping[str, Any]) -> Json:
    """The event with what it inherits; whatever it says itself wins, one key at a time."""
    if not beside:
        return event
    # Some SDKs repeat the attempt's clock as the batch's own "timestamp"; it is no event's.
    merged = {name: value for name, value in beside.items() if name != "timestamp"}
    for name, value in event.items():
        inherited = merged.get(name)
        if name in ("context", "integrations") and isinstance(inherited, dict):
            if value is None:
                continue
            if isinstance(value, dict):
                value = inherited | value
        merged[name] = value
    if "timestamp" in beside:
        merged["batch_timestamp"] = beside["timestamp"]
    return merged


def _canonical(
    event: Json,
    source: str,
    received: str,
    facts: Json,
    forced_type: str | None,
    ignores_sent_at: bool,
    mint: Callable[[], str],
) -> EventLine[Json]:
    """The line of an event; its id is empty where the one that was sent names nothing."""
    event_type: Any = forced_type or event.get("type")
    if event_type not in EVENT_TYPES:
        raise Refused("unknown_type", f"type must be one of {', '.join(EVENT_TYPES)}")
    user_id = identifier(event, "userId")
    anonymous_id = identifier(event, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise Refused("missing_id", "give the event a non-empty userId or anonymousId")
    properties = json_object(event, "properties")
    context = json_object(event, "context")
    extra = {
        name: value
        for name, value in event.items()
        if name not in _CONSUMED and value is not None and value != {}
    }
    if event_type != event.get("type") and event.get("type"):
        extra["type"] = event["type"]
    name: str | None = _EVENT_NAMES.get(event_type, event_type)
    if event_type == "track":
        name = identifier(event, "event")
        if name is None:
            raise Refused("missing_event_name", 'name the action in "event"')
    else:
        if event.get("event"):
            extra["event"] = event["event"]
        if event_type in _EVENT_NAMES:
            properties = _with_page_names(properties, extra)
    event_id = identifier(event, "messageId")
    if event_id is not None and names_nothing(event_id):
        extra["messageId"], event_id = event_id, ""
    original = take_clock(extra, "timestamp") or take_clock(extra, "originalTimestamp")
    sent = None if ignores_sent_at else take_clock(extra, "sentAt")
    if extra:
        context = _with_extra(context, extra)
    library = context.get("library")
    return EventLine(
        event_id=mint() if event_id is None else event_id,
        source_id=source,
        type=event_type,
        event_name=name or event_type,
        user_id=user_id,
        anonymous_id=anonymous_id,
        group_id=identifier(event, "groupId"),
        previous_id=identifier(event, "previousId"),
        original_timestamp=original,
        sent_at=sent,
        received_at=received,
        properties=properties,
        traits=_traits(event_type, event, context),
        context=context,
        request=facts
        | {
            "sdk": {"name": library.get("name"), "version": library.get("version")}
            if isinstance(library, dict)
            else None
        },
    )


def _named_by_content(
    line: EventLine[Json], twins: Counter[bytes], mint: Callable[[], str]
) -> EventLine[Json]:
    """The line with an id that is the same whenever the same is sent again.

    Events that agree in everything are told apart by their order in the request. One that says no
    time of its own is never known to be the same.
    """
    if line.original_timestamp is None:
        return msgspec.structs.replace(line, event_id=mint())
    # What the duplicates of dbt_project/staging take for content: an SDK that sends again may
    # change the rest.
    names = (line.source_id, line.type, line.event_name, line.original_timestamp)
    ids = (line.user_id, line.anonymous_id, line.group_id, line.previous_id)
    text = msgspec.json.encode((names, ids, line.properties, line.traits), order="sorted")
    digest = hashlib.sha256(text).digest()
    twins[digest] += 1
    name = f"{digest.hex()}:{twins[digest]}"
    return msgspec.structs.replace(line, event_id=str(uuid.uuid5(_NAMESPACE, name)))


def _traits(event_type: str, event: Json, context: Json) -> Json:
    """Traits of an identify may stand in its context alone: RudderStack's SDKs put them there."""
    told = json_object(event, "traits")
    if event_type == "identify" and not told and isinstance(context.get("traits"), dict):
        return dict(context["traits"])
    return told


def _with_page_names(properties: Json, extra: Json) -> Json:
    """Top-level ``name`` and ``category`` of a page or screen belong to its properties.

    A property of the same name wins; a top-level value that differs stays an extra field.
    """
    properties = dict(properties)
    for name in ("name", "category"):
        if name in extra and properties.setdefault(name, extra[name]) == extra[name]:
            del extra[name]
    return properties


def _with_extra(context: Json, extra: Json) -> Json:
    if EXTRA_FIELDS in context:
        extra = {EXTRA_FIELDS: context[EXTRA_FIELDS]} | extra
    return context | {EXTRA_FIELDS: extra}
