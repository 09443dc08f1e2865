"""The tests as dbt compiled them, asked of the warehouse without dbt.

A test is a query that counts rows, and dbt compiles it to the same SQL in every run of a
definition. dbt asks the first time; from then on its queries are asked as they are, which takes a
third of the time (docs/decisions/0029-tests-without-dbt.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.facts.tombstones import replace_file
from ingestion.settings import Settings
from orchestration.current import judges
from orchestration.definition import definition

#: What a test must be configured as to be asked here: any row is a failure, and all are counted.
PLAIN: Final = {
    "fail_calc": "count(*)",
    "warn_if": "!= 0",
    "error_if": "!= 0",
    "limit": None,
    "store_failures": True,
}
#: Jinja that asks the warehouse while it compiles: the next answer may be another one.
ASKS: Final = re.compile(r"adapter\.(?!dispatch\b)|\b(run_query|statement|load_result|graph)\b")


@dataclass(frozen=True)
class Query:
    """A test: the query of its failing rows, and the table that keeps them."""

    test: str
    sql: str
    schema: str
    table: str


def queries(settings: Settings) -> list[Query]:
    """The tests of today's definition, as dbt compiled them; none where it has to be asked."""
    try:
        kept = json.loads(_path(settings).read_bytes())
        return [Query(**each) for each in kept["queries"]] if kept["of"] == _of(settings) else []
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def keep_queries(
    settings: Settings, results: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> None:
    """Keep the compiled tests of a whole build; none where one of them has to be dbt's."""
    compiled = {each["unique_id"]: each.get("compiled_code") for each in results}
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    if all(compiled.get(test["unique_id"]) and _is_plain(test, manifest) for test in tests):
        kept = [
            Query(
                test["unique_id"], compiled[test["unique_id"]] or "", test["schema"], test["alias"]
            )
            for test in tests
        ]
        told = {"of": _of(settings), "queries": [asdict(each) for each in kept]}
        _path(settings).parent.mkdir(parents=True, exist_ok=True)
        replace_file(_path(settings), json.dumps(told).encode())


def ask(
    settings: Settings, connection: duckdb.DuckDBPyConnection, asked: Iterable[Query]
) -> dict[str, int | duckdb.Error]:
    """Test → how many rows fail, or why it cannot tell.

    Those rows are kept until the test is asked again.
    """
    asked = list(asked)
    kept = set(
        connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = current_database()"
        ).fetchall()
    )
    with ThreadPoolExecutor(settings.threads) as threads:
        counts = list(threads.map(lambda each: _count(connection, each), asked))
    for query, count in zip(asked, counts, strict=True):
        table = f'{query.schema}."{query.table}"'
        if isinstance(count, int) and count:
            connection.execute(f"create schema if not exists {query.schema}")
            connection.execute(f"create or replace table {table} as {query.sql}")
        elif not count and (query.schema, query.table) in kept:
            connection.execute(f"drop table {table}")
    return {query.test: count for query, count in zip(asked, counts, strict=True)}


def _count(connection: duckdb.DuckDBPyConnection, query: Query) -> int | duckdb.Error:
    try:
        with connection.cursor() as cursor:
            found = cursor.execute(f"select count(*) from ({query.sql}) as failing").fetchone()
    except duckdb.Error as error:
        return error
    return int(found[0]) if found else 0


def _is_plain(test: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    if any(test["config"].get(name, value) != value for name, value in PLAIN.items()):
        return False
    macros = manifest["macros"]
    seen: set[str] = set()
    wanted = list(test["depends_on"]["macros"])
    while wanted:
        name = wanted.pop()
        if name in macros and name not in seen:
            seen.add(name)
            wanted += macros[name]["depends_on"]["macros"]
    code = [test["raw_code"], *(macros[name]["macro_sql"] for name in seen)]
    return not any(ASKS.search(each) for each in code)


def _of(settings: Settings) -> str:
    return f"{definition(settings)} {judges(settings)}"


def _path(settings: Settings) -> Path:
    return settings.home / "dbt" / "audit.json"
