"""Segment's HTTP tracking API, judged: what is kept, in the canonical line, and what is refused.

Pure: no I/O, and the clock is an argument. https://segment.com/docs/connections/spec/common/
describes the shapes; the SDKs that send them differ, and each difference met has its line here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from ingestion.collector.body import MAX_DEPTH, Batch, nesting
from ingestion.collector.identifiers import uuid7
from ingestion.collector.timestamps import parse_client_clock
from ingestion.collector.verdict import (
    EventLine,
    Json,
    Refusal,
    RequestFacts,
    Verdict,
    encode_line,
    refused_line,
    utc_text,
)
from ingestion.event import EVENT_TYPES, MAX_EVENT_BYTES

#: Characters of an id or an event's name. The longest id of the field's SDKs has 57; an e-mail
#: address used as one has at most 254.
MAX_ID_LENGTH: Final = 512
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
}
IMPORT_PATH: Final = "/v1/import"

_EVENT_NAMES: Final = {"page": "page_view", "screen": "screen_view"}
#: Fields that end up in a column of their own; ``writeKey`` is a secret and is kept nowhere.
_CONSUMED: Final = frozenset(
    {"type", "messageId", "userId", "anonymousId", "groupId", "previousId", "event"}
    | {"properties", "traits", "context", "writeKey"}
)
_NULL_CHARACTER = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MESSAGE_ID = re.compile(rb'"messageId"\s*:\s*"([^"\\\x00-\x1f]{1,512})"')
_decoder = msgspec.json.Decoder()


class Refused(Exception):
    """One event cannot be kept: the reason from ``REASONS`` and what its sender should do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def judge(
    batch: Batch,
    source: str,
    received_at: datetime,
    request: RequestFacts,
    *,
    mint: Callable[[], str] = uuid7,
) -> Verdict:
    """Split a batch into events to keep and events to refuse, each with its reason.

    One bad event never costs the caller the rest of the batch. The path says the type of a
    single event. An import tells history, so its sending clock says nothing about an event's:
    it is kept among the extra fields.
    """
    forced_type = PATHS[request.path]
    ignores_sent_at = request.path == IMPORT_PATH
    verdict = Verdict()
    received = utc_text(received_at)
    facts = request.as_json()
    beside = {} if forced_type else _fields_beside(batch.fields)
    spoilt = beside if isinstance(beside, Refused) else None
    beside = {} if isinstance(beside, Refused) else beside
    for index, text in enumerate(batch.events):
        try:
            if spoilt:
                raise spoilt
            event = decode_event(text)
            merged = _merge(event, beside)
            line = encode_line(
                _canonical(merged, source, received, facts, forced_type, ignores_sent_at, mint)
            )
            verdict.accepted.append(line)
        except Refused as refused:
            found = _MESSAGE_ID.search(text)
            event_id = found[1].decode("utf-8", "replace") if found else None
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
                        request=facts | {"batch": beside} if beside else facts,
                        event_id=event_id,
                        refused_id=mint(),
                    ),
                )
            )
    return verdict


def decode_event(text: bytes) -> Json:
    """One event's text as a dict of values any JSON reader takes; raises Refused."""
    if len(text) > MAX_EVENT_BYTES:
        raise Refused(
            "too_large",
            f"the event has {len(text)} bytes; send at most {MAX_EVENT_BYTES} bytes an event",
        )
    if nesting(text) > MAX_DEPTH:
        raise Refused("too_deep", f"nest objects and arrays at most {MAX_DEPTH} deep")
    try:
        event = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise Refused("number_out_of_range", f"{error}; send it as text") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(
            "invalid_json",
            "the event is not JSON; NaN, Infinity, lone surrogates and raw control characters "
            "are not allowed, and text must be UTF-8",
        ) from None
    if not isinstance(event, dict):
        raise Refused("not_an_object", "an event must be a JSON object")
    if b"\\u0000" in text and _NULL_CHARACTER.search(text):
        raise Refused("null_character", "remove \\u0000 from the event's text")
    return event


def _fields_beside(fields: Mapping[str, bytes]) -> Json | Refused:
    """What stands beside ``batch``, decoded; every event of the batch inherits it."""
    try:
        decoded = {
            name: decode_event(b'{"_":%s}' % raw)["_"]
            for name, raw in fields.items()
            if name not in ("writeKey", "messageId")
        }
        for name in ("context", "integrations"):
            if not isinstance(decoded.get(name), dict | None):
                raise Refused("invalid_field", f"{name} must be a JSON object")
    except Refused as refused:
        return Refused(refused.reason, f"beside the batch: {refused.detail}")
    return decoded


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
) -> EventLine:
    event_type = forced_type or event.get("type")
    if event_type not in EVENT_TYPES:
        raise Refused("unknown_type", f"type must be one of {', '.join(EVENT_TYPES)}")
    user_id = _identifier(event, "userId")
    anonymous_id = _identifier(event, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise Refused("missing_id", "give the event a non-empty userId or anonymousId")
    properties = _object(event, "properties")
    context = _object(event, "context")
    extra = {
        name: value
        for name, value in event.items()
        if name not in _CONSUMED and value is not None and value != {}
    }
    if event_type != event.get("type") and event.get("type"):
        extra["type"] = event["type"]
    name: str | None = _EVENT_NAMES.get(event_type, event_type)
    if event_type == "track":
        name = _identifier(event, "event")
        if name is None:
            raise Refused("missing_event_name", 'name the action in "event"')
    else:
        if event.get("event"):
            extra["event"] = event["event"]
        if event_type in _EVENT_NAMES:
            properties = _with_page_names(properties, extra)
    original = _clock(extra, "timestamp") or _clock(extra, "originalTimestamp")
    sent = None if ignores_sent_at else _clock(extra, "sentAt")
    if extra:
        context = _with_extra(context, extra)
    library = context.get("library")
    return EventLine(
        event_id=_identifier(event, "messageId") or mint(),
        source_id=source,
        type=event_type,
        event_name=name or event_type,
        user_id=user_id,
        anonymous_id=anonymous_id,
        group_id=_identifier(event, "groupId"),
        previous_id=_identifier(event, "previousId"),
        original_timestamp=original,
        sent_at=sent,
        received_at=received,
        properties=properties,
        traits=_object(event, "traits"),
        context=context,
        request=facts
        | {
            "sdk": {"name": library.get("name"), "version": library.get("version")}
            if isinstance(library, dict)
            else None
        },
    )


def _identifier(event: Json, name: str) -> str | None:
    """An id as text; absent, null and empty are the same."""
    value = event.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Refused("invalid_id", f"{name} must be text or a whole number")
    if len(value) > MAX_ID_LENGTH:
        raise Refused("id_too_long", f"{name} must have at most {MAX_ID_LENGTH} characters")
    return value


def _object(event: Json, name: str) -> Json:
    """A JSON object; absent, null and PHP's empty array are an empty one."""
    value = event.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refused("invalid_field", f"{name} must be a JSON object")
    return value


def _clock(extra: Json, name: str) -> str | None:
    """A client's clock, taken out of the extra fields; absent, null and empty are the same."""
    value = extra.pop(name, None)
    if value is None or value == "":
        return None
    try:
        return utc_text(parse_client_clock(value))
    except ValueError as error:
        raise Refused("invalid_timestamp", f"{name} cannot be read: {error}") from None


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
