"""The result of a check on the data, and the rows that such checks read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from publishing.markdown import as_markdown

#: Deliveries of completed loads, in UTC, with ``age``: how old an event was when it arrived. It
#: is the models' rule for occurred_at read on raw rows, to within the 2 seconds that the rule
#: calls the network's delay, so that a check needs no build (docs/architecture.md). It counts
#: microseconds: DuckDB's functions of time zones take thirty times as long.
DELIVERIES = """
    with times as (
        select
            event_id,
            coalesce(source_id, '') as source_id,
            load_number,
            _dlt_load_id,
            request,
            make_timestamp(epoch_us(received_at)) as received_at,
            make_timestamp(epoch_us(coalesce(sent_at, received_at)))
            - make_timestamp(epoch_us(original_timestamp)) as age
        from raw.events
    ),

    loads as (
        select load_id, timezone('UTC', to_timestamp(try_cast(load_id as double))) as began_at
        from raw._dlt_loads
        where status = 0
    )

    select
        times.event_id,
        times.source_id,
        times.load_number,
        times.received_at,
        loads.began_at as load_began_at,
        case
            when
                times.age > interval 366 day
                and (times.request ->> '$.path') <> '/v1/import'
                and coalesce((times.request ->> '$.batch.historical_migration'), '') <> 'true'
                then interval 0 second
            else greatest(times.age, interval 0 second)
        end as age
    from times
    inner join loads on times._dlt_load_id = loads.load_id
"""
#: An event that was older than this when it arrived says nothing about the day it arrived on. It
#: comes from a backfill, or from a device that was offline.
LIVE_HOURS = 24


@dataclass(frozen=True)
class Finding:
    """Whether a claim holds, what was seen in one sentence, and the numbers behind it.

    Neither may contain anything about a person, because both go into alerts.
    """

    passed: bool
    seen: str
    metadata: Mapping[str, str | int | float | dg.MetadataValue] = field(default_factory=dict)


def markdown_table(
    header: Sequence[object], rows: Iterable[Sequence[object]]
) -> dg.MarkdownMetadataValue:
    """A table for the UI; Markdown characters in its cells are shown as text."""
    lines = [[as_markdown(str(cell)) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))
