"""Runs the compiled dbt tests on the warehouse without dbt.

A test is a query that counts rows, and dbt compiles it to the same SQL in every run of a
definition. dbt runs them the first time. After that we run its queries ourselves, which takes a
third of the time (docs/decisions/0029-tests-without-dbt.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

import duckdb

from ingestion.settings import Settings
from transformation.compiled import keep_compiled, may_change, read_compiled

#: The configuration a test must have to run here: every row is a failure, and all are counted.
PLAIN: Final = {
    "fail_calc": "count(*)",
    "warn_if": "!= 0",
    "error_if": "!= 0",
    "limit": None,
    "store_failures": True,
}
#: The kind under which the queries are kept.
KIND: Final = "audit"


@dataclass(frozen=True)
class Query:
    """A test: the query of its failing rows, and the table that keeps them."""

    test: str
    sql: str
    schema: str
    table: str


def queries(settings: Settings) -> list[Query]:
    """The compiled tests of the current definition; none if dbt has to run them."""
    return [Query(**each) for each in read_compiled(settings, KIND)]


def keep_queries(
    settings: Settings, results: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    """Keep the compiled tests of a whole build. If dbt must run one of them, keep none."""
    compiled = {each["unique_id"]: each.get("compiled_code") for each in results}
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    if all(compiled.get(test["unique_id"]) and _is_plain(test, manifest) for test in tests):
        kept = [
            Query(
                test["unique_id"], compiled[test["unique_id"]] or "", test["schema"], test["alias"]
            )
            for test in tests
        ]
        keep_compiled(settings, KIND, [asdict(each) for each in kept])


def ask(
    settings: Settings, connection: duckdb.DuckDBPyConnection, asked: Iterable[Query]
) -> dict[str, int | duckdb.Error]:
    """Run the tests: test → how many rows fail, or the error of its query.

    The failing rows are kept until the test runs again.
    """
    asked = list(asked)
    kept = set(
        connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = current_database()"
        ).fetchall()
    )
    with ThreadPoolExecutor(settings.threads) as threads:
        # A connection serves one thread at a time, and so it makes the cursors here.
        counts = list(threads.map(_count, [connection.cursor() for _ in asked], asked))
    for query, count in zip(asked, counts, strict=True):
        table = f'{query.schema}."{query.table}"'
        if isinstance(count, int) and count:
            connection.execute(f"create schema if not exists {query.schema}")
            connection.execute(f"create or replace table {table} as {query.sql}")
        elif not count and (query.schema, query.table) in kept:
            connection.execute(f"drop table {table}")
    return {query.test: count for query, count in zip(asked, counts, strict=True)}


def _count(cursor: duckdb.DuckDBPyConnection, query: Query) -> int | duckdb.Error:
    try:
        with cursor:
            found = cursor.execute(f"select count(*) from ({query.sql}) as failing").fetchone()
    except duckdb.Error as error:
        return error
    return int(found[0]) if found else 0


def _is_plain(test: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    if any(test["config"].get(name, value) != value for name, value in PLAIN.items()):
        return False
    return not may_change(test, manifest)
