"""Questions to the published file that several data sets are asked."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import duckdb


def one(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> Any:
    """The only value of a query's only row."""
    [(value,)] = connection.execute(query, parameters).fetchall()
    return value


def daily_actives(published: duckdb.DuckDBPyConnection, source: str) -> list[tuple[date, int, int]]:
    """Per active day of one source: persons and events."""
    return published.execute(
        """
        select activity_date, count(distinct person_id), cast(sum(events) as bigint)
        from marts.fct_person_days where source_id = ?
        group by activity_date order by activity_date
        """,
        [source],
    ).fetchall()


def sessions(published: duckdb.DuckDBPyConnection, source: str) -> int:
    """Sessions of one source."""
    count: int = one(
        published, "select count(*) from marts.fct_sessions where source_id = ?", source
    )
    return count


def sessions_cut_by(
    published: duckdb.DuckDBPyConnection, source: str, exceeds: Literal[">", ">="]
) -> int:
    """Sessions of one source if only the gap between two events of a user counted."""
    count: int = one(
        published,
        f"""
        with gaps as (
            select occurred_at - lag(occurred_at) over (
                partition by user_id order by occurred_at, event_id
            ) as gap
            from marts.fct_events where source_id = ?
        )
        select count(*) from gaps where gap is null or gap {exceeds} interval 30 minutes
        """,
        source,
    )
    return count
