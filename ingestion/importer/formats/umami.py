"""Umami: its table website_event, with what belongs to each event (docs/import.md has the query).

https://github.com/umami-software/umami/blob/master/prisma/schema.prisma describes the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import Format, Options, json_inside

_PAGE_VIEW: Final = "1"
_READ: Final = frozenset(
    {"event_id", "session_id", "distinct_id", "created_at", "event_type", "event_name"}
    | {"event_data"}
)


def _read(record: Json, options: Options) -> Iterator[Json]:
    is_page = str(record.get("event_type")) == _PAGE_VIEW
    yield {
        **{name: value for name, value in record.items() if name not in _READ and value != ""},
        "type": "page" if is_page else "track",
        "event": None if is_page else record.get("event_name"),
        "messageId": record.get("event_id") and derived_id("umami", record["event_id"]),
        "userId": record.get("distinct_id"),
        "anonymousId": record.get("session_id"),
        "timestamp": record.get("created_at"),
        "properties": json_inside(record, "event_data"),
        "context": _context(record),
    }


def _context(record: Json) -> Json:
    context: Json = {}
    if path := record.get("url_path"):
        query = f"?{record['url_query']}" if record.get("url_query") else ""
        host = f"https://{record['hostname']}" if record.get("hostname") else ""
        page = {"path": path, "url": f"{host}{path}{query}" if host else None}
        page["title"] = record.get("page_title")
        if record.get("referrer_domain"):
            page["referrer"] = (
                f"https://{record['referrer_domain']}{record.get('referrer_path') or '/'}"
            )
        context["page"] = {name: value for name, value in page.items() if value}
    if record.get("os"):
        context["os"] = {"name": record["os"]}
    if record.get("device"):
        context["device"] = {"type": record["device"]}
    if record.get("language"):
        context["locale"] = record["language"]
    return context


UMAMI: Final = Format(
    name="umami",
    title="Umami",
    read=_read,
    fits=lambda record, _: (
        {"website_id", "session_id", "event_type", "created_at"} <= record.keys()
    ),
    fields={
        "event_id": "event_id",
        "event_type": "1 is a page, 2 a track",
        "event_name": "event_name of a track",
        "session_id": "anonymous_id",
        "distinct_id": "user_id",
        "created_at": "original_timestamp and received_at: Umami's server took it",
        "event_data": "properties",
        "hostname, url_path, url_query, page_title, referrer_*": "context.page",
        "os, device, language": "context",
    },
)
