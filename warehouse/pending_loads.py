"""What the next build must do: which loads it works in, and whether it is a full refresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb

from warehouse import meta
from warehouse.meta import BUILDS, FULL_REFRESH_DUE
from warehouse.sql import has_table


class NothingReceived(ValueError):
    """No event was received on these days. The message names the nearest days with events."""


def require_full_refresh(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the next build a full refresh: increments cannot see that raw rows were removed."""
    meta.create(connection, FULL_REFRESH_DUE)
    connection.execute(f"insert into {FULL_REFRESH_DUE} values (now() at time zone 'UTC')")


def is_full_refresh_due(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the next build has to be a full refresh."""
    try:
        found = connection.execute(f"select count(*) from {FULL_REFRESH_DUE}").fetchone()
    except duckdb.CatalogException:
        return False
    return bool(found and found[0])


def forget_builds(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """Make the loads that brought these files pending."""
    if has_table(connection, BUILDS):
        connection.execute(
            f"""
            delete from {BUILDS} where load_number in (
                select load_number from raw.files where file in (select unnest($1))
            )
            """,
            [list(files)],
        )


def rebuild_days(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, int]:
    """Make every load that brought events of these received days pending; returns events by day.

    The next build works them in again, and all rows they affect. Raises NothingReceived.
    """
    if not has_table(connection, "raw.events"):
        raise NothingReceived("nothing has been loaded yet: run nightly first")
    events = connection.execute(
        """
        select cast(received_at at time zone 'UTC' as date) as received_date, count(*)
        from raw.events
        where received_date in (select unnest($1))
        group by received_date
        """,
        [list(days)],
    ).fetchall()
    if not events:
        raise NothingReceived(_nothing_received(connection, days))
    if has_table(connection, BUILDS):
        connection.execute(
            f"""
            delete from {BUILDS} where load_number in (
                select load_number from raw.events
                where cast(received_at at time zone 'UTC' as date) in (select unnest($1))
            )
            """,
            [list(days)],
        )
    return {day: int(count) for day, count in events}


def _nothing_received(connection: duckdb.DuckDBPyConnection, days: Sequence[date]) -> str:
    """The message that names the nearest days with events."""
    row = connection.execute(
        """
        with received as (
            select distinct cast(received_at at time zone 'UTC' as date) as day from raw.events
        )

        select max(day) filter (where day < $first), min(day) filter (where day > $last)
        from received
        """,
        {"first": min(days), "last": max(days)},
    ).fetchone()
    near = " and ".join(f"{day}" for day in row or () if day)
    asked = f"{min(days)}" if len(days) == 1 else f"{min(days)} to {max(days)}"
    return (
        f"{asked}: no event that is loaded was received then, so there is nothing to rebuild; "
        f"the nearest days with events are {near}"
        if near
        else "no event is loaded: run nightly first"
    )
