"""The collector describes itself: an OpenAPI document built from what it really serves.

Pure. Paths and methods are those the app answers on, so that the document cannot drift; only the
words are written here. An element of a batch may be anything: what is no event is refused alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ingestion.collector.browser import SCRIPT_PATH
from ingestion.facts.envelope import EVENT_TYPES, MAX_BATCH_BYTES, MAX_EVENT_BYTES
from ingestion.protocols.batch_json import MAX_BATCH_EVENTS
from ingestion.protocols.posthog import RESULTS_PATH
from ingestion.protocols.routes import Route

OPENAPI_PATH: Final = "/openapi.json"

Json = dict[str, Any]

#: Status → what it means; every one has a body with ``code`` and ``message``.
_FAILURES: Final = {
    "400": "The request cannot be read; nothing of it is stored but in quarantine.",
    "401": "The write key is missing or unknown; nothing is stored.",
    "403": "Pages of this origin may not send with this key; nothing is stored.",
    "404": "The path is not one of these.",
    "405": "The path takes another method; the header Allow names it.",
    "408": "The body took too long to arrive.",
    "413": f"More than {MAX_BATCH_BYTES} bytes, too much once inflated, or more than "
    f"{MAX_BATCH_EVENTS} events.",
    "415": "The content encoding is unknown; gzip and none are read.",
    "429": "The key sends too many events; nothing is stored. Retry-After says when to come again.",
    "500": "The collector failed; nothing is acknowledged.",
    "503": "Nothing can be stored now; Retry-After says when to come again.",
}
_TOO_LONG: Final = "The query and the headers are longer than 16 KiB; no body."
#: Of these, the ones that say when to come again.
_WAITING: Final = ("429", "503")
_OF_EVENTS: Final = ("400", "401", "403", "405", "408", "413", "415", "429", "500", "503")
_OF_PROBES: Final = ("405", "500", "503")
_OF_QUESTIONS: Final = ("400", "405", "408", "413", "500")
_PROBES: Final = ("/healthz", "/readyz", "/metrics", OPENAPI_PATH, SCRIPT_PATH)
#: Path → its summary and the media type of its 200.
_OTHERS: Final = {
    "/healthz": ("Whether the collector runs.", "application/json"),
    "/readyz": ("Whether events can be stored now.", "application/json"),
    "/metrics": ("Counters in Prometheus' text format.", "text/plain"),
    OPENAPI_PATH: ("This document.", "application/json"),
    SCRIPT_PATH: ("The script that pages load.", "text/javascript"),
    "/sourceConfig": ("RudderStack's settings of a source.", "application/json"),
    "/cfg/sourceConfig": ("RudderStack's settings of a source.", "application/json"),
    "/array/{key}/config": ("PostHog's settings of a project.", "application/json"),
    "/flags": ("PostHog's feature flags: there are none.", "application/json"),
    "/decide": ("PostHog's feature flags: there are none.", "application/json"),
}


def document(endpoints: Mapping[str, Iterable[str]], routes: Mapping[str, Route]) -> Json:
    """The OpenAPI 3.1 document of these endpoints, each given with its methods."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall collector",
            "version": "1",
            "description": "Receives events. 200 says that every accepted event is on disk, and "
            "every refused one in quarantine. Each path is also served with a slash behind it, "
            "and a doubled slash is one; "
            "Snowplow's trackers may post below any vendor's name. A write key that stands in none "
            "of the places named here is looked for in the body: writeKey, api_key, token, or the "
            "aid or token of its first event.",
        },
        "paths": {
            path: _path_item(path, methods, routes.get(path)) for path, methods in endpoints.items()
        },
        "components": {
            "schemas": _SCHEMAS,
            "responses": {status: _failure(status) for status in _FAILURES}
            | {"Preflight": _PREFLIGHT},
            "securitySchemes": _KEYS,
        },
    }


def _path_item(path: str, methods: Iterable[str], route: Route | None) -> Json:
    item: Json = {
        method.lower(): _preflight() if method == "OPTIONS" else _operation(path, method, route)
        for method in methods
    }
    if "{key}" in path:
        schema = {"type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[^/]+$"}
        for operation in item.values():
            operation["responses"] |= _failures(["404"])
        item["parameters"] = [{"name": "key", "in": "path", "required": True, "schema": schema}]
    return item


def _operation(path: str, method: str, route: Route | None) -> Json:
    if route:
        return _collecting(path, method, route)
    summary, media_type = _OTHERS.get(path, ("", "*/*"))
    is_question = path in _OTHERS and path not in _PROBES
    success = {"description": summary, "content": {media_type: {"schema": {}}}}
    failures = _OF_QUESTIONS if is_question else _OF_PROBES
    return {"summary": summary, "responses": {"200": success} | _failures(failures)}


def _collecting(path: str, method: str, route: Route) -> Json:
    results = path == RESULTS_PATH
    content: Json = {"application/json": {"schema": _reference("Results" if results else "Stored")}}
    operation: Json = {
        "summary": f"Events in {route.protocol.capitalize()}'s protocol.",
        "security": [{name: []} for name in _KEYS],
    }
    if method == "GET":
        gif: Json = {"image/gif": {"schema": {"type": "string", "contentEncoding": "binary"}}}
        content = gif if route.is_pixel else content | gif
        operation["description"], operation["parameters"] = _QUERIES[route.protocol]
    else:
        operation["requestBody"] = {
            "required": True,
            "description": "JSON as UTF-8, or that as gzip, whatever the headers say"
            + (
                "; or a form with it under data, as it is or in base64."
                if route.takes_forms
                else "."
            ),
            "content": {"application/json": {"schema": _body(path, route)}},
        }
    stored = {"description": "Every event is stored, or refused with a reason.", "content": content}
    too_long = {"431": {"description": _TOO_LONG}} if method == "GET" else {}
    return operation | {"responses": {"200": stored} | _failures(_OF_EVENTS) | too_long}


def _body(path: str, route: Route) -> Json:
    if route.protocol == "segment":
        is_batch = path.rpartition("/")[2] in ("batch", "b", "import")
        return _reference("Batch") if is_batch else _reference("Call")
    return _reference("PostHog" if route.protocol == "posthog" else "Snowplow")


def _preflight() -> Json:
    return {"responses": {"200": {"$ref": "#/components/responses/Preflight"}}}


def _failures(statuses: Iterable[str]) -> Json:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _failure(status: str) -> Json:
    content = {"application/json": {"schema": _reference("Failure")}}
    failure = {"description": _FAILURES[status], "content": content}
    return failure | ({"headers": {"Retry-After": _RETRY_AFTER}} if status in _WAITING else {})


def _parameter(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "string"}}


def _json_parameter(schema: str) -> Json:
    content = {"application/json": {"schema": _reference(schema)}}
    return {"name": "data", "in": "query", "content": content}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Iterable[str] = (), **properties: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


#: Protocol → what the query of a GET holds, and its parameters.
_QUERIES: Final = {
    "segment": (
        "The event under data, as JSON or that in base64, or its fields one by one, dotted inside: "
        "context.page.path=/a. 200 is a transparent pixel, also where the event was refused.",
        [
            _json_parameter("Call"),
            *(_parameter(name) for name in ("writeKey", "userId", "anonymousId", "event")),
        ],
    ),
    "posthog": (
        "An event, or the body of a POST, under data: as JSON or that in base64.",
        [_json_parameter("PostHogEvent") | {"required": True}],
    ),
    "snowplow": (
        "The event's parameters are the query; aid is the write key.",
        [_parameter(name) for name in ("e", "aid", "duid", "uid", "eid")],
    ),
}
_PREFLIGHT: Final[Json] = {
    "description": "What a browser asks before it sends: every origin may.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}
_RETRY_AFTER: Final = {
    "description": "Seconds.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
_KEYS: Final[Json] = {
    "basic": {"type": "http", "scheme": "basic", "description": "The write key as user name."},
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Write-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "writeKey"},
}
_ID: Final[Json] = {"type": ["string", "integer", "null"]}
_CLOCK: Final[Json] = {"type": ["string", "number", "null"], "description": "ISO 8601, or Unix."}
_ANY_OBJECT: Final[Json] = {"type": ["object", "null"]}
_TEXT: Final[Json] = {"type": "string"}
_EVENT_FIELDS: Final[dict[str, Json]] = {
    "type": {"enum": list(EVENT_TYPES)},
    "event": {**_ID, "description": "What happened; of a track."},
    "messageId": {**_ID, "description": "Names the event for all time."},
    **dict.fromkeys(("userId", "anonymousId", "groupId", "previousId"), _ID),
    **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt"), _CLOCK),
    **dict.fromkeys(("properties", "traits", "context"), _ANY_OBJECT),
}


def _events(name: str) -> Json:
    """An array whose elements should be events; any other is refused without its siblings."""
    return {
        "type": "array",
        "maxItems": MAX_BATCH_EVENTS,
        "items": {"anyOf": [_reference(name), {}]},
    }


_SCHEMAS: Final[Json] = {
    "Event": {
        **_object(["type"], **_EVENT_FIELDS),
        "description": f"At least one of userId and anonymousId; at most {MAX_EVENT_BYTES} bytes.",
    },
    "Call": {
        "type": "object",
        "anyOf": [_object(writeKey=_TEXT, **_EVENT_FIELDS), {}],
        "description": "One event; its path says the type.",
    },
    "Batch": {
        **_object(["batch"], batch=_events("Event"), writeKey={}, sentAt={}, context={}),
        "description": "Fields beside the batch are inherited by every event.",
    },
    "PostHogEvent": _object(
        ["event"],
        event=_TEXT,
        distinct_id=_ID,
        uuid=_TEXT,
        timestamp=_CLOCK,
        properties=_ANY_OBJECT,
    ),
    "PostHog": {
        "type": ["object", "array"],
        "anyOf": [
            _events("PostHogEvent"),
            _object(["batch"], batch=_events("PostHogEvent"), api_key={}),
            {
                "allOf": [
                    {"not": {"required": ["batch"]}},
                    {"anyOf": [_reference("PostHogEvent"), {}]},
                ]
            },
        ],
    },
    "SnowplowEvent": _object(
        ["e"], e={"enum": ["pv", "se", "ue", "pp", "tr", "ti"]}, aid=_TEXT, duid=_TEXT, uid=_TEXT
    ),
    "Snowplow": _object(["data"], schema={}, data=_events("SnowplowEvent")),
    "Stored": _object(
        ["success", "accepted", "refused"],
        success={"const": True},
        accepted={"type": "integer", "minimum": 0},
        refused={
            "type": "array",
            "items": _object(
                ["index", "event_id", "reason", "detail"],
                index={"type": "integer", "minimum": 0},
                event_id={"type": ["string", "null"]},
                reason=_TEXT,
                detail=_TEXT,
            ),
        },
    ),
    "Results": _object(
        ["results"],
        results={
            "type": "object",
            "additionalProperties": _object(["result"], result={"enum": ["ok", "drop"]}),
        },
    ),
    "Failure": _object(
        ["success", "code", "message"],
        success={"const": False},
        code={**_TEXT, "description": "What is wrong, for programs."},
        message={**_TEXT, "description": "What is wrong and what to do, for people."},
    ),
}
