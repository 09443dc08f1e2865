"""Snowplow's own test events (Apache-2.0, © Snowplow Analytics), as a bulk import.

They stand in two sources. SNOWPLOW takes Snowplow's word for when an event happened
(``derived_tstamp``), so that sessions can be compared to the millisecond. CLOCKS has the three raw
clocks that Snowplow made this of, so that the rules for clocks can be.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tests.reference.data import SNOWPLOW_EVENTS, ReferenceData
from tests.reference.sending import id_in

SNOWPLOW, CLOCKS = SOURCES = ("snowplow", "snowplow_clocks")

PAGE_CONTEXT = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"

#: A CTE of the published events of both sources, beside what Snowplow says of them.
EVENTS = f"""
    events as (
        select
            *,
            json_extract(context, '$.snowplow') as snowplow,
            snowplow ->> 'domain_sessionid' as client_session,
            snowplow ->> 'domain_userid' as client_device,
            snowplow ->> 'page_view_id' as page_view_id,
            cast(snowplow ->> 'derived_tstamp' as timestamp) as derived_at,
            cast(snowplow ->> 'dvce_created_tstamp' as timestamp) as created_at,
            cast(snowplow ->> 'dvce_sent_tstamp' as timestamp) as sent_at
        from marts.fct_events where source_id in ('{SNOWPLOW}', '{CLOCKS}')
    )
"""


def lines(data: ReferenceData) -> Iterator[dict[str, Any]]:
    """Every row once for each source, in the order of the file."""
    for source in SOURCES:
        for row in data.rows(SNOWPLOW_EVENTS):
            yield line(source, row) | clocks(source, row)


def line(source: str, row: dict[str, str]) -> dict[str, Any]:
    """A row as the collector would have written it (docs/sdks.md), and the row beside it, whole."""
    is_page = row["event_name"] == "page_view"
    device = row["domain_userid"] or row["network_userid"]
    return {
        "event_id": id_in(source, row["event_id"]),
        "source_id": source,
        "type": "page" if is_page else "track",
        "event_name": row["se_action"] or row["event_name"],
        "user_id": id_in(source, row["user_id"]),
        "anonymous_id": id_in(source, device),
        "properties": {
            name: value for name, value in row.items() if value and name[:3] in ("se_", "pp_")
        },
        "context": {
            "page": {
                "url": row["page_url"],
                "path": row["page_urlpath"],
                "referrer": row["page_referrer"] or None,
            },
            "userAgent": row["useragent"],
            "snowplow": {name: value for name, value in row.items() if value}
            | {"page_view_id": page_view_id(row)},
        },
    }


def clocks(source: str, row: dict[str, str]) -> dict[str, str]:
    """The clocks of a row's line. An import without ``sent_at`` is taken at its word."""
    if source == SNOWPLOW:
        sent = {"original_timestamp": row["derived_tstamp"]}
    else:
        sent = {
            "original_timestamp": row["dvce_created_tstamp"],
            "sent_at": row["dvce_sent_tstamp"],
        }
    return sent | {"received_at": row["collector_tstamp"]}


def page_view_id(row: dict[str, str]) -> str | None:
    """What names one view of a page over all its events."""
    [context] = json.loads(row[PAGE_CONTEXT])
    if isinstance(context, list):
        [context] = context
    page_view: str | None = context["id"]
    return page_view


def answers(
    data: ReferenceData, name: str, key: str, columns: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """A table that Snowplow publishes, by its key: the columns that are asked for."""
    rows = list(data.rows(name))
    table = {row[key]: {column: value(column, row[column]) for column in columns} for row in rows}
    assert len(table) == len(rows)
    return table


def value(column: str, text: str) -> Any:
    """A field of an answer as what it means; ids as they were sent."""
    if not text:
        return None
    if column.endswith("_tstamp"):
        return datetime.fromisoformat(text)
    if column == "user_id":
        return id_in(SNOWPLOW, text)
    if column == "event_counts":
        return json.loads(text)
    return int(text) if text.isdecimal() else text


def short(session: str) -> str:
    """What the tests call a session of the client: no two ids end alike."""
    return session[-4:]


def consents(data: ReferenceData) -> set[str]:
    """The sessions at a consent banner, of which no page view was reported."""
    rows = data.rows(SNOWPLOW_EVENTS)
    return {short(row["domain_sessionid"]) for row in rows if row["app_id"] == "consent_accel"}
