"""OpenTelemetry's events: log records that have a name, over OTLP/HTTP, in JSON or protobuf.

Pure: no I/O. https://opentelemetry.io/docs/specs/otlp/ describes the shapes. OTLP has no key: a
header holds it. ``_rewrite`` makes each record an event with the resource and scope that it is of.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from ingestion.facts.clocks import utc_text
from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import Json
from ingestion.facts.json_text import NOT_JSON
from ingestion.protocols.batch_json import MAX_DEPTH, Batch, nesting, open_body
from ingestion.protocols.fields import Refused, identifier, json_object
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.protocol import Endpoint, Events, Outside, Protocol
from ingestion.protocols.responses import Answer, answered
from ingestion.protocols.verdict import Verdict

_PROTOBUF: Final = b"application/x-protobuf"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Attributes that name who acted, the best first; those of the record before the resource's.
_USERS: Final = ("user.id", "enduser.id")
_DEVICES: Final = ("app.installation.id", "device.id", "session.id")
#: Field of the context → its fields, by the attribute with the same meaning.
_PARTS: Final = {
    "library": {"telemetry.sdk.name": "name", "telemetry.sdk.version": "version"},
    "app": {"service.name": "name", "service.version": "version"},
    "os": {"os.name": "name", "os.version": "version"},
    "device": {"device.model.identifier": "model", "device.manufacturer": "manufacturer"},
    "page": {"url.full": "url", "url.path": "path"},
}
_AGENT: Final = "user_agent.original"
_ID: Final = "log.record.uid"
#: Levels of a value that become levels of JSON: brackets of OTLP are four for one of ours.
_MOST_NESTED: Final = 4 * MAX_DEPTH


class OtlpRecord(msgspec.Struct, kw_only=True):
    """A log record that is an event: it has a name."""

    timeUnixNano: Any = None
    observedTimeUnixNano: Any = None
    eventName: str | None = None
    attributes: Any = None
    body: Any = None


class OtlpScope(msgspec.Struct, kw_only=True):
    """The records of one scope."""

    scope: Any = None
    logRecords: Annotated[list[OtlpRecord], Events] | None = None


class OtlpResource(msgspec.Struct, kw_only=True):
    """The records of one resource."""

    resource: Any = None
    scopeLogs: list[OtlpScope] | None = None


class OtlpLogs(msgspec.Struct, kw_only=True):
    """A request."""

    resourceLogs: list[OtlpResource] | None = None


class OtlpPartial(msgspec.Struct, kw_only=True):
    """How many records are in quarantine, and why the first one is."""

    rejectedLogRecords: Annotated[int, msgspec.Meta(ge=1)]
    errorMessage: str


class OtlpStored(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Empty if every record is stored."""

    partialSuccess: OtlpPartial | None = None


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert a record with its resource to Segment's shape; raises Refused."""
    attributes = json_object(event, "attributes")
    told = json_object(event, "resource") | attributes
    name = event.get("eventName") or attributes.get("event.name")
    if not name:
        raise Refused("missing_event_name", "give the record an event name: a log is no event")
    user = next((id_ for each in _USERS if (id_ := identifier(told, each))), None)
    device = next((id_ for each in _DEVICES if (id_ := identifier(told, each))), None)
    if not (user or device):
        raise Refused(
            "missing_id",
            f"set one of the attributes {', '.join((*_USERS, *_DEVICES))} on the record or its "
            "resource",
        )
    rest = {field: value for field, value in event.items() if field not in _READ}
    body = rest.get("body")
    if isinstance(body, dict):
        # Older SDKs write what belongs to an event into the body.
        attributes = rest.pop("body") | attributes
    return {
        **rest,
        "type": "track",
        "event": name,
        "messageId": told.get(_ID),
        "userId": user,
        "anonymousId": device,
        "timestamp": _time(event.get("timeUnixNano")) or _time(event.get("observedTimeUnixNano")),
        "properties": attributes,
        "context": _context(told),
    }


_READ: Final = frozenset({"attributes", "eventName", "timeUnixNano"})


def _context(told: Json) -> Json:
    context: Json = {}
    for part, fields in _PARTS.items():
        if found := {field: told[name] for name, field in fields.items() if told.get(name)}:
            context[part] = found
    if told.get(_AGENT):
        context["userAgent"] = told[_AGENT]
    return context


def _time(nanoseconds: Any) -> str | None:
    """A clock as text; 0 is none. SDKs write a text or a number."""
    try:
        told = int(nanoseconds or 0)
        return utc_text(_EPOCH + timedelta(microseconds=told // 1000)) if told else None
    except (TypeError, ValueError, OverflowError):
        raise Refused("invalid_timestamp", "timeUnixNano must be nanoseconds since 1970") from None


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """The records of a request as one batch, each with its resource and scope; raises Unreadable.

    What is no record stays in the batch, where it is refused alone.
    """
    is_protobuf = outside.headers.get(b"content-type", b"").startswith(_PROTOBUF)
    events: list[bytes] = []
    size = 0
    for record in _records(_parsed_protobuf(text) if is_protobuf else _parsed_json(text)):
        events.append(msgspec.json.encode(record))
        size += len(events[-1])
        if size > MAX_INFLATED_BYTES:
            raise Unreadable(
                413,
                "inflated_too_large",
                "the records with their resources are too large; send fewer at once",
            )
    form = b"true" if is_protobuf else b"false"
    return b'{"logRecords":[%s],"protobuf":%s}' % (b",".join(events), form)


def _parsed_json(text: bytes) -> Json:
    if not text.strip():
        raise Unreadable(400, "empty_body", "the body is empty; send OTLP's JSON or protobuf")
    if nesting(text) > _MOST_NESTED:
        raise Unreadable(400, "too_deep", f"nest values at most {MAX_DEPTH} deep")
    try:
        told = msgspec.json.decode(text)
    except (*NOT_JSON, msgspec.ValidationError):
        raise Unreadable(400, "invalid_json", "the body is not OTLP's JSON, as UTF-8") from None
    if not isinstance(told, dict):
        raise Unreadable(400, "invalid_json", "the body must be a JSON object with resourceLogs")
    return told


def _parsed_protobuf(text: bytes) -> Json:
    # Only who sends protobuf waits for these modules, a tenth of a second, once.
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    try:
        message = ExportLogsServiceRequest.FromString(text)
        told: Json = MessageToDict(message, use_integers_for_enums=True)
    except (DecodeError, RecursionError, ValueError):
        raise Unreadable(400, "invalid_protobuf", "the body is not OTLP's protobuf") from None
    return told


def _records(told: Json) -> Iterator[Any]:
    for group in _listed(told, "resourceLogs"):
        if not isinstance(group, dict):
            yield group
            continue
        about = group.get("resource")
        resource = _object(about.get("attributes")) if isinstance(about, dict) else None
        for scope in _listed(group, "scopeLogs"):
            if not isinstance(scope, dict):
                yield scope
                continue
            for record in _listed(scope, "logRecords"):
                if not isinstance(record, dict):
                    yield record
                    continue
                beside = {"resource": resource, "scope": scope.get("scope")}
                yield {
                    **{name: value for name, value in record.items() if name != "attributes"},
                    **{name: value for name, value in beside.items() if value},
                    **{
                        name: _hex(record[name]) for name in ("traceId", "spanId") if name in record
                    },
                    "attributes": _object(record.get("attributes")),
                    **({"body": _value(record["body"])} if "body" in record else {}),
                }


def _listed(told: Json, name: str) -> list[Any]:
    value = told.get(name)
    if not isinstance(value, list | None):
        raise Unreadable(400, "invalid_batch", f"{name} must be a JSON array")
    return value or []


def _object(attributes: Any) -> Any:
    """Attributes by their keys; what is no list of them stays as it is."""
    if attributes is None:
        return {}
    if not isinstance(attributes, list) or not all(isinstance(each, dict) for each in attributes):
        return attributes
    return {str(each.get("key")): _value(each.get("value")) for each in attributes}


def _value(told: Any) -> Any:
    """A value without the name of its type; whole numbers are numbers or, from Python, texts."""
    if not isinstance(told, dict) or len(told) > 1:
        return told
    for kind, value in told.items():
        if kind == "intValue":
            return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value
        if kind == "arrayValue" and isinstance(value, dict):
            return [_value(each) for each in _plain_list(value)]
        if kind == "kvlistValue" and isinstance(value, dict):
            return _object(value.get("values"))
        return value
    return None


def _plain_list(value: Json) -> list[Any]:
    values = value.get("values")
    return values if isinstance(values, list) else []


def _hex(told: Any) -> Any:
    """The id of a trace in hexadecimal digits; protobuf's JSON form is base64."""
    if not isinstance(told, str) or len(told) in (16, 32):
        return told
    try:
        return base64.b64decode(told, validate=True).hex()
    except binascii.Error:
        return told


def _open(text: bytes) -> Batch:
    return open_body(text, holds_batch=True, batch_field="logRecords")


def _answer(batch: Batch, verdict: Verdict) -> Answer:
    """OTLP's answer in the form of its request: what was refused is in quarantine."""
    refused = len(verdict.refused)
    detail = verdict.refused[0].detail if refused else ""
    if batch.fields.get("protobuf") != b"true":
        partial = OtlpPartial(rejectedLogRecords=refused, errorMessage=detail) if refused else None
        return answered(OtlpStored(partialSuccess=partial))
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
        ExportLogsPartialSuccess,
        ExportLogsServiceResponse,
    )

    said = ExportLogsPartialSuccess(rejected_log_records=refused, error_message=detail)
    response = ExportLogsServiceResponse(partial_success=said if refused else None)
    return Answer(200, response.SerializeToString(), content_type=_PROTOBUF)


OPENTELEMETRY: Final = Protocol(
    name="opentelemetry",
    title="OpenTelemetry",
    endpoints={
        "/v1/logs": Endpoint(
            open=_open,
            bodies=(OtlpLogs,),
            rewrite=_rewrite,
            answer=_answer,
            answers=OtlpStored,
            example={
                "resourceLogs": [
                    {
                        "scopeLogs": [
                            {
                                "logRecords": [
                                    {
                                        "eventName": "checkout_clicked",
                                        "timeUnixNano": "1772359200000000000",
                                        "attributes": [
                                            {"key": "user.id", "value": {"stringValue": "u1"}}
                                        ],
                                    }
                                ]
                            }
                        ]
                    }
                ]
            },
        )
    },
    read=read,
    event=OtlpRecord,
    example={
        "eventName": "checkout_clicked",
        "timeUnixNano": "1772359200000000000",
        "attributes": {"user.id": "u1", "value": "annual", _ID: "5f2c1d0e"},
    },
    key_field="writeKey",
    key_parameter=None,
    event_id_field=_ID,
    id_is_inside=True,
    names_by_content=True,
    user_fields=_USERS,
    device_fields=_DEVICES,
    users_are_inside=True,
    batch_field="logRecords",
    inner_field="attributes",
    query_says="",
)
