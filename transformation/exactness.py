"""Compares the marts of a running site with a full rebuild from the same raw rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb

from enrichment.enrich import enrich
from ingestion.loading.source import RAW_TABLES
from ingestion.settings import Settings
from transformation.dbt_command import DBT, dbt_environment
from warehouse.connection import connect
from warehouse.meta import DEFINITION_TABLES
from warehouse.sql import literal

#: The schema of the rows that differ. Failing rows of tests are there too.
KEPT_IN = "test_failures"
#: The free space needed, as a multiple of the warehouse's size. The rebuilt warehouse has its own
#: copy of the raw rows, and its models need space while they run.
ROOM = 2


class CannotVerify(RuntimeError):
    """The rebuild failed, so nothing was compared."""


@dataclass(frozen=True)
class Comparison:
    """One mart: its rows, how many are not in the rebuild, and how many are only there."""

    mart: str
    rows: int
    unexpected: int
    missing: int

    @property
    def is_equal(self) -> bool:
        """Whether both hold the same rows, equally often."""
        return not self.unexpected and not self.missing


def verify(settings: Settings, predicted: Collection[str]) -> list[Comparison]:
    """Rebuild beside the warehouse, compare every mart row for row, and keep what differs.

    The rows that differ are in test_failures.<mart>_differs, whose column ``side`` says which of
    the two has them. ``predicted`` are marts that are not compared: a prediction is made once, and
    a rebuild does not make it again. The caller holds the writer lock. Raises CannotVerify.
    """
    size = settings.warehouse.stat().st_size if settings.warehouse.exists() else 0
    if not size:
        raise CannotVerify("there is no warehouse yet: run the nightly job first")
    free = shutil.disk_usage(settings.warehouse.parent).free
    if free < ROOM * size:
        raise CannotVerify(
            f"a rebuild beside the warehouse needs about {ROOM * size:,} bytes and the disk has "
            f"{free:,}: free some, or run it on a copy of the home"
        )
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=settings.warehouse.parent) as folder:
        rebuilt = Settings(
            home=Path(folder),
            dbt_project=settings.dbt_project,
            reporting_time_zone=settings.reporting_time_zone,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
        )
        _copy_facts(settings, rebuilt)
        _build(rebuilt)
        with connect(settings) as connection:
            _attach(connection, rebuilt.warehouse, "rebuilt")
            return [_compare(connection, mart) for mart in _marts(connection, predicted)]


def _copy_facts(settings: Settings, rebuilt: Settings) -> None:
    rebuilt.warehouse.parent.mkdir(parents=True, exist_ok=True)
    with connect(settings) as connection:
        _attach(connection, rebuilt.warehouse, "rebuilt", read_only=False)
        connection.execute("create schema rebuilt.raw")
        for table in (*RAW_TABLES, "_dlt_loads"):
            connection.execute(f"create table rebuilt.raw.{table} as from raw.{table}")
        # The definitions that the warehouse was built for. The site's files may have changed since.
        connection.execute("create schema rebuilt.meta")
        for table in DEFINITION_TABLES:
            connection.execute(f"create table rebuilt.{table} as from {table}")
    with connect(rebuilt) as connection:
        enrich(connection)


def _build(rebuilt: Settings) -> None:
    # Without tests: they check whether rows are right, and here we check whether they are equal.
    done = subprocess.run(
        [DBT, "build", "--exclude-resource-type", "unit_test", "test"],
        env={**os.environ, **dbt_environment(rebuilt)},
        cwd=rebuilt.dbt_project,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise CannotVerify(f"the rebuild failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _attach(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, *, read_only: bool = True
) -> None:
    option = " (read_only)" if read_only else ""
    connection.execute(f"attach {literal(str(path))} as {name}{option}")


def _marts(connection: duckdb.DuckDBPyConnection, predicted: Collection[str]) -> list[str]:
    """The marts of both sides: one that only one of them has differs as a whole."""
    rows = connection.execute(
        """
        select distinct table_name from duckdb_tables()
        where
            schema_name = 'marts' and database_name in (current_database(), 'rebuilt')
            and not list_contains(?, table_name)
        order by table_name
        """,
        [list(predicted)],
    ).fetchall()
    return [str(name) for (name,) in rows]


def _compare(connection: duckdb.DuckDBPyConnection, mart: str) -> Comparison:
    ours, theirs = f"marts.{mart}", f"rebuilt.marts.{mart}"
    connection.execute(f"create schema if not exists {KEPT_IN}")
    kept = f"{KEPT_IN}.{mart}_differs"
    connection.execute(f"drop table if exists {kept}")
    counts = "select count(*), coalesce(sum(cast(hash(t) as hugeint)), 0) from {} as t"
    ours_sum = connection.execute(counts.format(ours)).fetchone()
    if ours_sum == connection.execute(counts.format(theirs)).fetchone():
        return Comparison(mart, int(ours_sum[0]) if ours_sum else 0, 0, 0)
    connection.execute(
        f"""
        create table {kept} as
        select 'warehouse' as side, * from (from {ours} except all from {theirs})
        union all by name
        select 'rebuild' as side, * from (from {theirs} except all from {ours})
        """
    )
    unexpected, missing = connection.execute(
        f"""
        select count(*) filter (where side = 'warehouse'), count(*) filter (where side = 'rebuild')
        from {kept}
        """
    ).fetchall()[0]
    return Comparison(mart, int(ours_sum[0]) if ours_sum else 0, int(unexpected), int(missing))
