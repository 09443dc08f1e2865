"""CloudEvents over HTTP, converted to Segment's shape: structured, batched and binary.

Pure: no I/O. https://github.com/cloudevents/spec describes the shapes. The specification has no
key and names nobody: a header or the query holds the key, and two extensions name who acted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec

from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.facts.json_text import NOT_JSON
from ingestion.protocols.batch_json import Batch, fields_of_first, open_body
from ingestion.protocols.fields import Refused, identifier
from ingestion.protocols.protocol import Clock, Endpoint, Events, Id, Outside, Protocol

#: In binary mode, attributes are headers with this prefix, and the body is the data.
_PREFIX: Final = b"ce-"
#: Extension → the field of Segment's shape; the data may hold that field itself.
_IDS: Final = {"userid": "userId", "anonymousid": "anonymousId", "groupid": "groupId"}
#: The extension that holds the key if no header and no query does.
_KEY: Final = "writekey"
_READ: Final = frozenset({"id", "type", "time", "data", *_IDS, _KEY})


class CloudEvent(msgspec.Struct, kw_only=True):
    """An event; ``userid``, ``anonymousid`` and ``groupid`` are extensions that Footfall reads."""

    specversion: str
    id: str
    source: str
    type: str
    time: Annotated[str | None, Clock] = None
    data: Any = None
    userid: Id = None
    anonymousid: Id = None
    groupid: Id = None


def read(event: Json, beside: Mapping[str, Any]) -> Json:
    """Convert a CloudEvent to Segment's shape; raises Refused."""
    data = event.get("data")
    inside = data if isinstance(data, dict) else {}
    ids = {
        field: identifier(event, name) or identifier(inside, field) for name, field in _IDS.items()
    }
    if not (ids["userId"] or ids["anonymousId"]):
        raise Refused(
            "missing_id",
            "name who acted in the extension userid or anonymousid, or in userId or anonymousId "
            "of the data",
        )
    id_ = identifier(event, "id")
    return {
        **{name: value for name, value in event.items() if name not in _READ},
        **ids,
        "type": "track",
        "event": event.get("type"),
        # The id names an event among those of its source.
        "messageId": id_ and derived_id("cloudevents", event.get("source"), id_),
        "timestamp": event.get("time"),
        "properties": data if isinstance(data, dict) else {} if data is None else {"data": data},
    }


def _rewrite(text: bytes, outside: Outside) -> bytes:
    """The one event of a request in binary mode, as JSON; any other body as it is."""
    if _PREFIX + b"id" not in outside.headers:
        return text
    event: Json = {
        name.removeprefix(_PREFIX).decode("latin-1"): unquote(value.decode("latin-1"))
        for name, value in outside.headers.items()
        if name.startswith(_PREFIX)
    }
    if b"content-type" in outside.headers:
        event["datacontenttype"] = outside.headers[b"content-type"].decode("latin-1")
    try:
        msgspec.json.decode(text)
    except NOT_JSON:
        if text:
            event["data_base64"] = base64.b64encode(text).decode()
        return msgspec.json.encode(event)
    # The data as it was written: the rules of an event apply to it too.
    return b'%s,"data":%s}' % (msgspec.json.encode(event)[:-1], text)


def _open(text: bytes) -> Batch:
    batch = open_body(text, holds_batch=False, or_array=True)
    key = next((each[_KEY] for each in fields_of_first(batch.events) if _KEY in each), None)
    return Batch(batch.events, {_KEY: key} if key else {})


CLOUDEVENTS: Final = Protocol(
    name="cloudevents",
    title="CloudEvents",
    endpoints={
        "/cloudevents": Endpoint(
            open=_open,
            bodies=(Annotated[list[CloudEvent], Events], CloudEvent),
            rewrite=_rewrite,
        )
    },
    read=read,
    event=CloudEvent,
    example={
        "specversion": "1.0",
        "id": "5f2c1d0e",
        "source": "/shop",
        "type": "checkout_clicked",
        "userid": "u1",
        "data": {"value": "annual"},
    },
    key_field=_KEY,
    key_parameter=None,
    own_secret_fields=(_KEY,),
    event_id_field="id",
    user_fields=("userid", "userId"),
    device_fields=("anonymousid", "anonymousId"),
    batch_field=None,
    inner_field="data",
    query_says="",
)
