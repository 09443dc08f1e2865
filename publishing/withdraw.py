"""Removes the rows of erased people from the published file without a build.

Counts that include these people, such as daily actives and funnels, change with the next build.
"""

from __future__ import annotations

import logging
from typing import Final

import duckdb

from ingestion.landing.tombstones import Tombstones
from ingestion.settings import Settings
from publishing.publish import STORAGE_VERSION, swap_in
from publishing.restatements import SUMS, sums
from warehouse.meta import COLUMNS as COLUMNS_OF_META
from warehouse.meta import PUBLISHED, SUMS_WITHDRAWN
from warehouse.sql import literal

logger = logging.getLogger(__name__)

#: Columns of published tables that say whose a row is → the tombstones that may cover it. Once
#: somebody signs in on a device, its rows have that person's id.
COLUMNS: Final = {
    "person_id": ("users", "devices"),
    "actor_id": ("users", "devices"),
    "subject": ("users", "devices"),
    "user_id": ("users",),
    "event_id": ("events",),
}

#: An account that one of their events names may have traits that they told.
ACCOUNTS: Final = """
    account_id in (
        select group_id from old.marts.fct_events where group_id is not null and ({condition})
    )
"""


def withdraw(settings: Settings, tombstones: Tombstones) -> dict[str, int]:
    """Rewrite the published file without the people under tombstones; table → rows removed.

    A file that cannot be read is deleted, because nobody can say whom it names. After a crash at
    any step, either the old or the new file is there and complete. The caller holds the writer
    lock.
    """
    target = settings.published
    if not target.exists():
        return {}
    fresh = target.with_name(".footfall-withdrawn.duckdb")
    for leftover in target.parent.glob(f"{fresh.name}*"):
        leftover.unlink()
    try:
        with duckdb.connect() as connection:
            connection.execute(f"attach {literal(str(target))} as old (read_only)")
            gone = _covered(connection, tombstones)
            if not gone:
                return {}
            connection.execute(
                f"attach {literal(str(fresh))} as fresh (storage_version '{STORAGE_VERSION}')"
            )
            rows = _copy(connection, gone)
    except duckdb.IOException as error:
        logger.error("%s cannot be read, and is taken away: %s", target, error)
        target.unlink()
        return {}
    swap_in(fresh, target, rows)
    return {table: count for table, (_, count) in gone.items()}


def _covered(
    connection: duckdb.DuckDBPyConnection, tombstones: Tombstones
) -> dict[str, tuple[str, int]]:
    """Mart → the condition of the rows to remove, and how many there are."""
    columns = connection.execute(
        """
        select table_name, list(column_name order by column_name) from duckdb_columns()
        where database_name = 'old' and schema_name = 'marts' and list_contains($1, column_name)
        group by table_name order by table_name
        """,
        [list(COLUMNS)],
    ).fetchall()
    gone: dict[str, tuple[str, int]] = {}
    for table, names in columns:
        tests = []
        for name in names:
            digests = frozenset().union(*(getattr(tombstones, kind) for kind in COLUMNS[name]))
            if not digests:
                continue
            cursor = connection.execute(f'select distinct "{name}" from old.marts."{table}"')
            ids = []
            while found := cursor.fetchmany(100_000):
                ids += [text for (text,) in found if text and tombstones.digest(text) in digests]
            if ids:
                kept = f"erased_{len(gone)}_{name}"
                connection.execute(
                    f"create temp table {kept} as select unnest($1::varchar[])", [ids]
                )
                tests.append(f'coalesce("{name}" in (from temp.{kept}), false)')
        if tests:
            gone[table] = _counted(connection, table, " or ".join(tests))
    if "fct_events" in gone:
        condition = ACCOUNTS.format(condition=gone["fct_events"][0])
        gone["dim_accounts"] = _counted(connection, "dim_accounts", condition)
    return gone


def _counted(connection: duckdb.DuckDBPyConnection, table: str, condition: str) -> tuple[str, int]:
    count = connection.execute(
        f'select count(*) from old.marts."{table}" where {condition}'
    ).fetchone()
    return condition, int(count[0]) if count else 0


def _copy(
    connection: duckdb.DuckDBPyConnection, gone: dict[str, tuple[str, int]]
) -> dict[str, int]:
    """Copy all other rows into the attached ``fresh``; returns the rows of each mart."""
    connection.execute("copy from database old to fresh (schema)")
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'old'"
    ).fetchall()
    rows = {}
    for schema, table in tables:
        name = f'{schema}."{table}"'
        condition = gone[table][0] if schema == "marts" and table in gone else "false"
        copied = connection.execute(
            f"insert into fresh.{name} select * from old.{name} where not ({condition})"
        ).fetchone()
        if schema == "marts":
            rows[table] = int(copied[0]) if copied else 0
    connection.executemany(
        f"update fresh.{PUBLISHED} set row_count = $1 where table_name = $2",
        [[rows[table], table] for table in gone],
    )
    _keep_sums(connection, {table for _, table in tables})
    connection.execute("detach fresh")
    return rows


def _keep_sums(connection: duckdb.DuckDBPyConnection, tables: set[str]) -> None:
    """Keep what people have read, for the next publish to say what the erasure changed."""
    if SUMS_WITHDRAWN.partition(".")[2] in tables:
        return
    connection.execute(f"create table fresh.{SUMS_WITHDRAWN} ({COLUMNS_OF_META[SUMS_WITHDRAWN]})")
    for mart in SUMS.keys() & tables:
        connection.execute(f"insert into fresh.{SUMS_WITHDRAWN} {sums(mart, 'old.marts')}")
