"""The OpenAPI document of the collector, built from what it really serves.

Pure. Paths and methods are those of the app, and the schemas follow from each protocol's types, so
the document cannot be out of date. An element of a batch may be anything: if it is no event, only
this element is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.json import schema_components

from ingestion.collector.browser import SCRIPT_PATH
from ingestion.facts.envelope import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Json
from ingestion.protocols.batch_json import MAX_BATCH_EVENTS
from ingestion.protocols.catalog import PROTOCOLS
from ingestion.protocols.protocol import Protocol
from ingestion.protocols.responses import Failure
from ingestion.protocols.routes import Route

OPENAPI_PATH: Final = "/openapi.json"
_COMPONENTS: Final = "#/components/schemas/"

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
#: Those of them that say when to send again.
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
    schemas = _Schemas(routes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Footfall collector",
            "version": "1",
            "description": "Receives events. 200 says that every accepted event is on disk, and "
            "every refused one in quarantine. Each path is also served with a slash behind it, "
            "and a doubled slash is one; "
            "Snowplow's trackers may post below any vendor's name. A write key that stands in none "
            "of the places named here is looked for in the body, in these fields: "
            + "; ".join(f"{each.title} {', '.join(each.secret_fields)}" for each in PROTOCOLS)
            + ". Of Snowplow's and PostHog's events the first one's counts. An event has at most "
            f"{MAX_EVENT_BYTES} bytes.",
        },
        "paths": {
            path: _path_item(path, methods, routes.get(path), schemas)
            for path, methods in endpoints.items()
        },
        "components": {
            "schemas": schemas.components,
            "responses": {status: _failure(status, schemas) for status in _FAILURES}
            | {"Preflight": _PREFLIGHT},
            "securitySchemes": _KEYS,
        },
    }


class _Schemas:
    """The schemas of what these routes take and answer; ``components`` are those with a name."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        types: dict[Any, None] = {Failure: None}
        for route in routes.values():
            types |= dict.fromkeys((*route.bodies, *_events_of(route.spoken), route.answers))
        types.pop(None, None)
        schemas, components = schema_components(types, ref_template=f"{_COMPONENTS}{{name}}")
        self._of: dict[Any, Json] = dict(zip(types, schemas, strict=True))
        self.components = {name: _lenient(schema) for name, schema in components.items()} | {
            route.spoken.title: {"anyOf": [self._form(route, body) for body in route.bodies]}
            for route in routes.values()
            if len(route.bodies) > 1
        }

    def of(self, type_: Any) -> Json:
        """The schema of a type."""
        return self._of[type_]

    def of_body(self, route: Route) -> Json:
        """The schema of a body; several forms are one component with the protocol's name."""
        if len(route.bodies) == 1:
            return self._form(route, route.bodies[0])
        return {"$ref": f"{_COMPONENTS}{route.spoken.title}"}

    def of_event(self, event: Any) -> Json:
        """The schema of an event alone. It may be anything: it is refused if it is no event."""
        return {"type": "object", "anyOf": [self.of(event), {}]}

    def _form(self, route: Route, body: Any) -> Json:
        if body not in _events_of(route.spoken):
            return _lenient(self.of(body))
        if len(route.bodies) == 1 or route.spoken.batch_field is None:
            return self.of_event(body)
        return {"allOf": [{"not": {"required": [route.spoken.batch_field]}}, self.of_event(body)]}


def _path_item(path: str, methods: Iterable[str], route: Route | None, schemas: _Schemas) -> Json:
    item: Json = {method.lower(): _operation(path, method, route, schemas) for method in methods}
    if "{key}" in path:
        schema = {"type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[^/]+$"}
        for operation in item.values():
            operation["responses"] |= _failures(["404"])
        item["parameters"] = [{"name": "key", "in": "path", "required": True, "schema": schema}]
    return item


def _operation(path: str, method: str, route: Route | None, schemas: _Schemas) -> Json:
    if method == "OPTIONS":
        return {"responses": {"200": {"$ref": "#/components/responses/Preflight"}}}
    if route:
        return _collecting(method, route, schemas)
    summary, media_type = _OTHERS.get(path, ("", "*/*"))
    is_question = path in _OTHERS and path not in _PROBES
    success = {"description": summary, "content": {media_type: {"schema": {}}}}
    failures = _OF_QUESTIONS if is_question else _OF_PROBES
    return {"summary": summary, "responses": {"200": success} | _failures(failures)}


def _collecting(method: str, route: Route, schemas: _Schemas) -> Json:
    content: Json = {"application/json": {"schema": schemas.of(route.answers)}}
    operation: Json = {
        "summary": f"Events in {route.spoken.title}'s protocol.",
        "security": [{name: []} for name in _KEYS],
    }
    if method == "GET":
        gif: Json = {"image/gif": {"schema": {"type": "string", "contentEncoding": "binary"}}}
        content = gif if route.is_pixel else content | gif
        operation["description"] = route.spoken.query_says
        operation["parameters"] = _parameters(route.spoken, schemas)
    else:
        operation["requestBody"] = {
            "required": True,
            "description": "JSON as UTF-8, or that as gzip, whatever the headers say"
            + (
                "; or a form with it under data, as it is or in base64."
                if route.takes_forms
                else "."
            ),
            "content": {
                "application/json": {"schema": schemas.of_body(route), "example": _example(route)}
            },
        }
    stored = {"description": "Every event is stored, or refused with a reason.", "content": content}
    too_long = {"431": {"description": _TOO_LONG}} if method == "GET" else {}
    return operation | {"responses": {"200": stored} | _failures(_OF_EVENTS) | too_long}


def _parameters(protocol: Protocol, schemas: _Schemas) -> list[Json]:
    """The parameters of a GET: a whole event as JSON, or its fields."""
    named = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in protocol.query_fields
    ]
    if protocol.query_carries is None:
        return named
    content = {"application/json": {"schema": schemas.of_event(protocol.query_carries)}}
    data: Json = {"name": "data", "in": "query", "content": content}
    return [data if named else data | {"required": True}, *named]


def _example(route: Route) -> Json | list[Json]:
    protocol = route.spoken
    if route.example:
        return route.example
    if route.bodies[-1] in _events_of(protocol):
        return protocol.example
    return (
        {protocol.batch_field: [protocol.example]} if protocol.batch_field else [protocol.example]
    )


def _events_of(protocol: Protocol) -> tuple[Any, ...]:
    """The types of one event: in a batch, and alone."""
    return (protocol.event, protocol.query_carries)


def _lenient(schema: Json) -> Json:
    """The schema with arrays of events that may have any other elements."""
    if schema.get("type") == "array" and "$ref" in schema["items"]:
        return schema | {"items": {"anyOf": [schema["items"], {}]}}
    if "anyOf" in schema:
        return schema | {"anyOf": [_lenient(each) for each in schema["anyOf"]]}
    if "properties" in schema:
        fields = {name: _lenient(each) for name, each in schema["properties"].items()}
        return schema | {"properties": fields}
    return schema


def _failures(statuses: Iterable[str]) -> Json:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _failure(status: str, schemas: _Schemas) -> Json:
    content = {"application/json": {"schema": schemas.of(Failure)}}
    failure = {"description": _FAILURES[status], "content": content}
    return failure | ({"headers": {"Retry-After": _RETRY_AFTER}} if status in _WAITING else {})


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
