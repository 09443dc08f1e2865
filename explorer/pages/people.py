"""People: find one, see what they did and why they are one person."""

from __future__ import annotations

from urllib.parse import urlencode

from explorer.pages.page import Context, Page
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values
from footfall.ask import literal


def person_link(person_id: str) -> str:
    """The address of a person's page."""
    return f"/people?{urlencode({'person': person_id})}"


def panels(values: Values, context: Context) -> list[Panel]:
    """The persons who match, or the timeline of one."""
    person = values.optional("person")
    if person:
        return _one(literal(person))
    wanted = literal(values.text("search").lower())
    return [
        Panel(
            key="persons",
            title="Persons",
            statement=f"""
                select *
                from marts.dim_persons
                where contains(lower(person_id), {wanted})
                    or contains(lower(user_ids), {wanted})
                    or contains(lower(traits), {wanted})
                order by last_seen_at desc, person_id
                limit 200
                """,
            columns=[
                Column("person_id", "Person", link=lambda row: person_link(row["person_id"])),
                Column("user_ids", "User ids"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_seen_at", "Last seen (UTC)", "moment"),
                Column("session_count", "Visits", "number"),
                Column("event_count", "Events", "number"),
                Column("first_touch_channel", "First came by"),
            ],
            definition="Those seen last come first, at most 200. A person is what we resolved from "
            "user ids and devices.",
            empty="Nobody's id or traits contain this text.",
        )
    ]


def _one(person: str) -> list[Panel]:
    return [
        Panel(
            key="person",
            title="The person",
            statement=f"""
                select *
                from marts.dim_persons
                where person_id = {person}
                """,
            columns=[
                Column("person_id", "Person"),
                Column("user_ids", "User ids"),
                Column("device_count", "Devices", "number"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_seen_at", "Last seen (UTC)", "moment"),
                Column("session_count", "Visits", "number"),
                Column("event_count", "Events", "number"),
                Column("first_touch_channel", "First came by"),
                Column("last_touch_channel", "Last came by"),
                Column("traits", "Traits"),
            ],
            definition="The latest of each trait, and counts over all time.",
            empty="There is no such person. An id may have moved to another person since the link "
            "was made: search for it.",
        ),
        Panel(
            key="identity",
            title="Why this is one person",
            statement=f"""
                select user_id, anonymous_id, source_id,
                    min(occurred_at) as first_seen_at, max(occurred_at) as last_seen_at,
                    count(*) as events
                from marts.fct_events
                where person_id = {person}
                group by user_id, anonymous_id, source_id
                order by first_seen_at, user_id, anonymous_id
                limit 500
                """,
            columns=[
                Column("user_id", "User id"),
                Column("anonymous_id", "Device"),
                Column("source_id", "Source"),
                Column("first_seen_at", "First seen (UTC)", "moment"),
                Column("last_seen_at", "Last seen (UTC)", "moment"),
                Column("events", "Events", "number"),
            ],
            definition="A row with both ids is a sighting of that user on that device: it joins "
            "them. User ids of one person were joined by an alias call.",
        ),
        Panel(
            key="sessions",
            title="Visits",
            statement=f"""
                select *
                from marts.fct_sessions
                where person_id = {person}
                order by started_at desc, session_id
                limit 200
                """,
            columns=[
                Column("started_at", "Began (UTC)", "moment"),
                Column("duration_seconds", "Lasted", "seconds"),
                Column("event_count", "Events", "number"),
                Column("channel", "Channel"),
                Column("landing_page", "Landed on"),
                Column("device_type", "Device"),
                Column("browser", "Browser"),
                Column("country", "Country"),
            ],
            definition="The last 200 visits.",
        ),
        Panel(
            key="timeline",
            title="Timeline",
            statement=f"""
                select *
                from marts.fct_events
                where person_id = {person}
                order by occurred_at desc, event_id desc
                limit 500
                """,
            columns=[
                Column("occurred_at", "At (UTC)", "moment"),
                Column("event_name", "Event"),
                Column("event_value", "Value"),
                Column("page_path", "Page"),
                Column("source_id", "Source"),
                Column("properties", "Properties"),
            ],
            definition="The last 500 events, the newest first.",
        ),
    ]


PAGE = Page(
    "people",
    "People",
    "What did this person do?",
    (
        Parameter("search", "Search", hint="a part of an id or of a trait"),
        Parameter("person", "Person", hint="a person's whole id"),
    ),
    panels,
)
