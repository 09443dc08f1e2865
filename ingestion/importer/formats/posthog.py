"""PostHog's batch exports: the model events, as JSON Lines or Parquet, and the model persons.

https://posthog.com/docs/data-pipelines/batch-exports/s3 describes both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingestion.facts.envelope import Json
from ingestion.facts.identifiers import derived_id
from ingestion.importer.formats.format import (
    Format,
    Options,
    is_parquet,
    json_inside,
)
from ingestion.protocols.posthog import POSTHOG
from warehouse.sql import literal

#: What PostHog's browser and mobile SDKs invent for a person who has not signed in.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _read(record: Json, options: Options) -> Iterator[Json]:
    event = dict(record)
    event["properties"] = json_inside(record, "properties")
    if "person_properties" in record:
        event["person_properties"] = json_inside(record, "person_properties")
    received = event.pop("created_at", None) or event.pop("_inserted_at", None)
    # These are columns of the export; the protocol reads them from the event.
    for name in ("set", "set_once"):
        if told := json_inside(event, name):
            event[f"${name}"] = told
        event.pop(name, None)
    yield POSTHOG.read(event, {}) | {"receivedAt": received}


POSTHOG_EVENTS: Final = Format(
    name="posthog",
    title="PostHog, events",
    read=_read,
    fits=lambda record, _: {"event", "distinct_id", "properties"} <= record.keys(),
    fields={
        "uuid": "event_id",
        "event": "event_name; $pageview, $screen, $identify, … also the type",
        "distinct_id": "user_id, or anonymous_id where the person was not identified",
        "timestamp": "original_timestamp",
        "created_at, else _inserted_at": "received_at",
        "properties": "properties; pages, devices and the SDK also in context",
        "properties.$set, $set_once": "traits of an identify",
        "properties.$group_key, $group_set": "group_id and traits of a group",
    },
)


def _gather(path: Path) -> str:
    """One record per person, with all ids: of each id, the row of the newest version counts."""
    file = literal(str(path))
    columns = {
        **dict.fromkeys(("person_id", "distinct_id", "created_at"), "varchar"),
        **dict.fromkeys(("person_version", "person_distinct_id_version"), "bigint"),
        "is_deleted": "varchar",
        "properties": "json",
    }
    types = ", ".join(f"{name}: '{type_}'" for name, type_ in columns.items())
    # An export may lack columns that PostHog added later. Rows of this empty table name them all.
    empty = ", ".join(f"null::{type_} as {name}" for name, type_ in columns.items())
    rows = (
        f"select * from (select {empty}) where false "
        f"union all by name select * from read_parquet({file})"
        if is_parquet(path)
        else f"select * from read_json({file}, columns = {{{types}}}, format = 'nd')"
    )
    return f"""
        with newest as (
            select *
            from ({rows})
            qualify row_number() over (
                partition by distinct_id
                order by person_distinct_id_version desc nulls last, person_version desc nulls last,
                    person_id
            ) = 1
        )

        select to_json(persons) from (
            select
                person_id,
                list(distinct_id order by distinct_id) as distinct_ids,
                min(created_at)::varchar as created_at,
                arg_max(properties::json, coalesce(person_version, 0)) as properties
            from newest
            where
                person_id is not null
                and coalesce(lower(is_deleted::varchar), '') not in ('true', '1')
            group by person_id
            order by person_id
        ) as persons
    """


def _read_person(record: Json, options: Options) -> Iterator[Json]:
    """An identify for each device of a person, and an alias for each further user id.

    Of a person with one id there is nothing to tell but the traits.
    """
    ids = [str(each) for each in record["distinct_ids"] if each]
    devices = [each for each in ids if _UUID.fullmatch(each)]
    users = [each for each in ids if each not in devices]
    if not users and len(devices) < 2:
        return
    user, *others = users or [str(record["person_id"])]
    facts: list[Json] = [{"type": "identify", "traits": json_inside(record, "properties")}]
    facts += [{"type": "identify", "anonymousId": device} for device in devices]
    facts += [{"type": "alias", "previousId": other} for other in others]
    for number, fact in enumerate(facts):
        about = fact.get("anonymousId") or fact.get("previousId") or ""
        yield fact | {
            "messageId": derived_id("posthog person", record["person_id"], about, number == 0),
            "userId": user,
            "timestamp": record["created_at"],
            "context": {"posthog_person_id": record["person_id"]},
        }


POSTHOG_PERSONS: Final = Format(
    name="posthog-persons",
    title="PostHog, persons",
    read=_read_person,
    fits=lambda record, _: {"person_id", "distinct_id"} <= record.keys() and "event" not in record,
    fields={
        "distinct_id": "user_id, or anonymous_id of an identify where it is a UUID; the further "
        "user ids of a person are the previous_id of an alias",
        "properties": "traits of an identify",
        "created_at": "original_timestamp and received_at",
        "person_id": "context.posthog_person_id",
    },
    gather=_gather,
)
