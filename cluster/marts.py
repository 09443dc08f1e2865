"""Brings the marts that Spark built into the warehouse, from where they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
from pyiceberg.catalog.sql import SqlCatalog

from warehouse.meta import (
    BUILDS,
    CHANGED_ROWS,
    CHECK_OUTCOMES,
    FULL_REFRESH_DUE,
    PUBLISHED_BUILD,
    create,
)
from warehouse.sql import literal

#: Intermediate models that are read outside of dbt: by publishing, and by an erasure.
READ_BESIDE_MARTS: Final = (
    "int_data_edge",
    "int_funnel_steps_listed",
    "int_users_merged",
)
#: A view that an erasure reads too. Views stay on the cluster, and the facts have its columns.
EVENTS_ATTRIBUTED: Final = """
create or replace view intermediate.int_events_attributed as
select event_id, person_id from marts.fct_events
"""


@dataclass(frozen=True)
class Column:
    """A column's DuckDB type and what it says, by its description in dbt."""

    kind: str
    description: str


@dataclass(frozen=True)
class Model:
    """A model's table, by its description in dbt."""

    schema: str
    name: str
    description: str
    columns: Mapping[str, Column]


def models_to_fetch(manifest: Mapping[str, Any]) -> list[Model]:
    """The marts, and the few other models that are read outside of dbt; from dbt's manifest."""
    return [
        Model(
            node["schema"],
            node["name"],
            node["description"],
            {
                name: Column(column["data_type"], column["description"])
                for name, column in node["columns"].items()
            },
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and (node["schema"] == "marts" or node["name"] in READ_BESIDE_MARTS)
    ]


def begin_build(connection: duckdb.DuckDBPyConnection, definition: str) -> bool:
    """Make the warehouse say that a build has begun, as the macro prepare_builds does.

    Returns whether no build of this definition has succeeded yet.
    """
    for table in (BUILDS, CHANGED_ROWS, CHECK_OUTCOMES, FULL_REFRESH_DUE):
        create(connection, table)
    connection.execute(f"delete from {CHECK_OUTCOMES}")
    connection.execute(f"drop table if exists {PUBLISHED_BUILD}")
    found = connection.execute(
        f"select coalesce(bool_and(definition = $1), false) from {BUILDS}", [definition]
    ).fetchone()
    return found != (True,)


def fetch_marts(
    catalog: SqlCatalog,
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[Model],
    definition: str,
) -> dict[str, int]:
    """Replace the warehouse's tables by the snapshots that are there now; returns rows by table.

    All of it is one transaction of the warehouse, with the note of the loads that were built. The
    caller holds the writer lock, so no other run builds meanwhile. Raises pyiceberg's exceptions
    and duckdb.Error.
    """
    rows = {}
    # All of them before the first is read: each scan keeps its snapshot.
    scans = [catalog.load_table((model.schema, model.name)).scan() for model in models]
    connection.execute("begin")
    try:
        for model, scan in zip(models, scans, strict=True):
            there = scan.to_arrow_batch_reader()
            connection.execute(f"create schema if not exists {model.schema}")
            connection.execute(f'drop table if exists {model.schema}."{model.name}"')
            _create(connection, model)
            taken = ", ".join(_taken(name, column.kind) for name, column in model.columns.items())
            connection.register("there", there)
            found = connection.execute(
                f'insert into {model.schema}."{model.name}" select {taken} from there'
            ).fetchone()
            connection.unregister("there")
            rows[model.name] = int(found[0]) if found else 0
        if "fct_events" in rows:
            connection.execute(EVENTS_ATTRIBUTED)
        _note_builds(catalog, connection, definition)
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return rows


def _create(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """An empty table with the comments that dbt gives it on DuckDB; BI tools show them."""
    table = f'{model.schema}."{model.name}"'
    columns = ", ".join(f'"{name}" {column.kind}' for name, column in model.columns.items())
    connection.execute(f"create table {table} ({columns})")
    connection.execute(f"comment on table {table} is {literal(model.description)}")
    for name, column in model.columns.items():
        connection.execute(f'comment on column {table}."{name}" is {literal(column.description)}')


def _taken(name: str, kind: str) -> str:
    """A column as the warehouse has it: a moment is UTC without a zone."""
    if kind == "timestamp":
        return f"\"{name}\" at time zone 'UTC'"
    return f'cast("{name}" as {kind})'


def _note_builds(
    catalog: SqlCatalog, connection: duckdb.DuckDBPyConnection, definition: str
) -> None:
    """The loads that the build on the cluster has worked in; all are published whole."""
    connection.register("built", catalog.load_table(tuple(BUILDS.split("."))).scan().to_arrow())
    connection.execute(f"delete from {BUILDS}")
    connection.execute(
        f"insert into {BUILDS} select load_number, definition, invocation_id,"
        f" built_at at time zone 'UTC' from built where definition = $1",
        [definition],
    )
    connection.unregister("built")
    connection.execute(f"delete from {FULL_REFRESH_DUE}")
    connection.execute(f"delete from {CHANGED_ROWS}")
