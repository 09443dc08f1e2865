"""Validating a batch: each event becomes a line of the landing, or is refused.

Pure: no I/O, and the clock is an argument. Each protocol converts its events to Segment's shape,
which https://segment.com/docs/connections/spec/common/ describes. SDKs that send it differ, and
each known difference is handled here.
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
from ingestion.facts.redaction import ALWAYS_SECRET, without_key_fields
from ingestion.facts.refusals import KEPT_OF_CUT_EVENT, MAX_QUARANTINED_BYTES, refused_line
from ingestion.protocols.batch_json import Batch
from ingestion.protocols.catalog import SECRET_FIELDS
from ingestion.protocols.fields import (
    Refused,
    decode_event,
    decode_value,
    identifier,
    json_object,
    message_id,
    take_clock,
)
from ingestion.protocols.protocol import Protocol
from ingestion.protocols.segment import SEGMENT
from ingestion.protocols.verdict import Refusal, RequestFacts, Verdict
from ingestion.protocols.visitors import visitor_id

#: The key of ``context`` for top-level fields that have no column of their own.
EXTRA_FIELDS: Final = "extra_fields"

#: Namespace of the ids that are derived from an event's content. It must never change.
_NAMESPACE: Final = uuid.UUID("b8f8b3c4-5c1e-5d5b-8a35-6a0c4b7f9d02")
#: What the text of a line contains if a key may be in it: a name that is always a key's, or an
#: escape that may spell one.
_MARKS_OF_KEYS: Final = (*(name.encode() for name in ALWAYS_SECRET), rb"\\u00")
_EVENT_NAMES: Final = {"page": "page_view", "screen": "screen_view"}
#: Fields that have a column of their own; ``writeKey`` is a secret and is stored nowhere.
_CONSUMED: Final = frozenset(
    {"type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event"}
    | {"properties", "traits", "context", "writeKey"}
)


def judge(
    batch: Batch,
    source: str,
    received_at: datetime,
    request: RequestFacts,
    *,
    protocol: Protocol = SEGMENT,
    key: str | None = None,
    mint: Callable[[], str] = uuid7,
    allowance: int = MAX_INFLATED_BYTES,
) -> Verdict:
    """Split a batch into events to keep and events to refuse, each with its reason.

    A bad event does not affect the others of its batch. The path may define the type of its events.
    If it is an import, the clock of sending says nothing about an event's clock, so it becomes an
    extra field. Quarantine keeps ``allowance`` bytes of refused events, inherited fields included,
    and only the beginning of each event past that. ``key`` is the request's write key, which is in
    no line.
    """
    keys = protocol.secret_fields
    endpoint = protocol.endpoints.get(request.path)
    forced_type = endpoint.event_type if endpoint else None
    ignores_sent_at = endpoint is not None and endpoint.tells_history
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
            merged = protocol.read(event, beside)
            if protocol.visitor_period and not (merged.get("userId") or merged.get("anonymousId")):
                visitor = visitor_id(protocol.visitor_period, source, received_at, request)
                merged["anonymousId"] = visitor
            is_unnamed = protocol.names_by_content and not merged.get("messageId")
            line = canonical_line(
                merged,
                source,
                received,
                facts,
                _nothing if is_unnamed else mint,
                forced_type=forced_type,
                ignores_sent_at=ignores_sent_at,
            )
            if not line.event_id:
                line = _named_by_content(line, twins, mint)
            verdict.accepted.append(encoded_without_key(line, key))
        except Refused as refused:
            inside = protocol.inner_field if protocol.id_is_inside else None
            event_id = message_id(text, protocol.event_id_field, inside)
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
                        secret_fields=keys,
                        event_id=event_id,
                        refused_id=mint(),
                        keep=MAX_QUARANTINED_BYTES if is_whole else KEPT_OF_CUT_EVENT,
                        left_out=0 if is_whole else beside_bytes,
                    ),
                )
            )
    return verdict


def _nothing() -> str:
    """The id of a line that gets one from its content."""
    return ""


def encoded_without_key(line: EventLine[Json], key: str | None) -> bytes:
    """The line of an accepted event, without fields that hold a write key."""
    text = encode_line(line)
    # A loop, because this runs for each event: any() took a tenth of the time of an event.
    for part in _MARKS_OF_KEYS:
        if part in text:
            break
    else:
        if not key or msgspec.json.encode(key)[1:-1] not in text:
            return text
    return encode_line(
        msgspec.structs.replace(
            line,
            properties=without_key_fields(line.properties, key, SECRET_FIELDS),
            traits=without_key_fields(line.traits, key, SECRET_FIELDS),
            context=without_key_fields(line.context, key, SECRET_FIELDS),
        )
    )


def _fields_beside(
    fields: Mapping[str, bytes], keys: tuple[str, ...], key: str | None
) -> Json | Refused:
    """The decoded fields beside ``batch``, without keys; every event of the batch inherits them."""
    try:
        decoded = {
            name: decode_value(raw)
            for name, raw in fields.items()
            if name not in keys and name != "messageId"
        }
        for name in ("context", "integrations"):
            if not isinstance(decoded.get(name), dict | None):
                raise Refused("invalid_field", f"{name} must be a JSON object")
    except Refused as refused:
        return Refused(refused.reason, f"beside the batch: {refused.detail}")
    return dict(without_key_fields(decoded, key, SECRET_FIELDS))


def canonical_line(
    event: Json,
    source: str,
    received: str,
    facts: Json,
    mint: Callable[[], str],
    *,
    forced_type: str | None = None,
    ignores_sent_at: bool = False,
) -> EventLine[Json]:
    """The line of an event in Segment's shape; raises Refused.

    Its id is empty if a placeholder was sent as id.
    """
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
    """The line with an id from its content, so that the same event sent again has the same id.

    Equal events of one request get different ids, by their order. An event without a clock of its
    own gets a new id each time: it may be another event with the same content.
    """
    if line.original_timestamp is None:
        return msgspec.structs.replace(line, event_id=mint())
    # The same content as in stg_footfall__duplicates: the rest may change when an SDK sends again.
    names = (line.source_id, line.type, line.event_name, line.original_timestamp)
    ids = (line.user_id, line.anonymous_id, line.group_id, line.previous_id)
    text = msgspec.json.encode((names, ids, line.properties, line.traits), order="sorted")
    digest = hashlib.sha256(text).digest()
    twins[digest] += 1
    name = f"{digest.hex()}:{twins[digest]}"
    return msgspec.structs.replace(line, event_id=str(uuid.uuid5(_NAMESPACE, name)))


def _traits(event_type: str, event: Json, context: Json) -> Json:
    """The traits of an event. RudderStack's SDKs put those of an identify into its context."""
    told = json_object(event, "traits")
    if event_type == "identify" and not told and isinstance(context.get("traits"), dict):
        return dict(context["traits"])
    return told


def _with_page_names(properties: Json, extra: Json) -> Json:
    """The properties of a page or screen, with its top-level ``name`` and ``category``.

    If a property of the same name exists, it is kept, and a different top-level value stays an
    extra field.
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
