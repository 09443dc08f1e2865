"""Catalogue: which events and properties there are, and what is odd about them."""

from __future__ import annotations

from urllib.parse import urlencode

from explorer.pages.page import Context, Page
from explorer.panels import Column, Panel, Row
from explorer.parameters import SOURCE, Parameter, Values
from footfall.ask import literal
from transformation.event_grammar import as_written


def panels(values: Values, context: Context) -> list[Panel]:
    """The events, the properties of one of them, and what drifted."""
    source, search = values.optional("source"), literal(values.text("search").lower())
    where = f"where contains(lower(event_name), {search})"
    if source:
        where += f" and source_id = {literal(source)}"
    return [
        Panel(
            key="events",
            title="Events",
            statement=f"""
                select *
                from marts.dim_events
                {where}
                order by event_count desc, event_name, source_id
                """,
            columns=[
                Column("event_name", "Event", link=_trend),
                Column("source_id", "Source"),
                Column("event_count", "Events", "number"),
                Column("person_count", "Persons", "number"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_seen_at", "Last seen (UTC)", "moment"),
                Column("is_planned", "In the plan", "yes"),
            ],
            definition="Every name that was ever sent.",
            empty="No event is called so.",
        ),
        Panel(
            key="properties",
            title="Properties",
            statement=f"""
                select event_name, source_id, property.key as property_name,
                    json_extract_string(property.value, '$.types') as types,
                    cast(json_extract(property.value, '$.fill_rate') as double) as fill_rate
                from marts.dim_events, json_each(property_names) as property
                {where}
                order by event_count desc, event_name, source_id, fill_rate desc, property_name
                """,
            columns=[
                Column("event_name", "Event"),
                Column("source_id", "Source"),
                Column("property_name", "Property"),
                Column("types", "Types"),
                Column("fill_rate", "Filled", "share"),
            ],
            definition="How many of an event's occurrences have the property, and as what.",
            empty="These events have no properties.",
        ),
        Panel(
            key="findings",
            title="What is odd",
            statement="""
                select *
                from marts.catalog_findings
                where is_current
                order by last_found_at desc, event_name, property_name
                """,
            columns=[
                Column("finding", "Finding"),
                Column("event_name", "Event"),
                Column("property_name", "Property"),
                Column("details", "Details"),
                Column("advice", "What to do"),
                Column("last_found_at", "Last found (UTC)", "moment"),
            ],
            definition="Names that are spelt in two ways, types that changed, events that are not "
            "in the tracking plan.",
            empty="Nothing is odd.",
        ),
    ]


def _trend(row: Row) -> str | None:
    return f"/trends?{urlencode({'event': as_written(row['event_name'])})}"


PAGE = Page(
    "catalogue",
    "Catalogue",
    "Which events are there?",
    (Parameter("search", "Search", hint="a part of an event's name"), SOURCE),
    panels,
)
