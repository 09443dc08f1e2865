"""Copies what one machine loaded to Iceberg: each load once, the small tables whole."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.table import Table, Transaction

from cluster.catalog import table_of
from cluster.unusable import ClusterUnusable
from warehouse.meta import BUILDS, DEFINITION_TABLES

#: Rows of loads. The records of the loads come last: rows of a load without one do not count.
LOADED: Final = ("events", "refused", "bad_lines", "manifests", "files", "_dlt_loads")
#: A table's property with the loads that were copied to it. It changes in the commit of their rows.
LOADS: Final = "footfall.loads"
#: A small table's property with the checksum of its rows.
CONTENT: Final = "footfall.content"
#: Iceberg keeps the name _file for itself, as macros/engine_spark.sql knows.
RENAMED: Final = {"_file": "landed_file"}
#: Rows in memory at once.
BATCH_ROWS: Final = 200_000


@dataclass(frozen=True)
class Copied:
    """How many rows of loads were copied, how many loads they are of, and whether any was there."""

    rows: int
    loads: int
    is_again: bool


def copy_raw(
    catalog: SqlCatalog, connection: duckdb.DuckDBPyConnection, *, anew: bool = False
) -> Copied:
    """Copy the loads that Iceberg does not have yet, or all of them ``anew``, after an erasure.

    A load's rows and the note that they are there are one commit of each table. Whoever is killed
    between two tables copies the rest next time. ``connection`` is to the warehouse. Raises
    ClusterUnusable if another site's loads are there, pyiceberg's exceptions and duckdb.Error.
    """
    completed = {
        load
        for (load,) in connection.execute(
            "select load_id from raw._dlt_loads where status = 0"
        ).fetchall()
    }
    rows, is_again = 0, False
    loads: set[str] = set()
    for name in LOADED:
        table = table_of(catalog, "raw", name, _columns(connection, "raw", name))
        there = set(json.loads(table.properties.get(LOADS, "[]")))
        if there - completed:
            raise ClusterUnusable(
                f"the Iceberg table raw.{name} has loads that this home does not know: it belongs "
                "to another site, or this home was restored from an older backup. Name an empty "
                "database in FOOTFALL_ICEBERG_CATALOG and an empty folder in "
                "FOOTFALL_ICEBERG_WAREHOUSE; the next run fills them"
            )
        is_again |= anew and bool(there)
        known = set() if anew else there
        if new := completed - known:
            rows += _append(connection, table, name, new, known, anew=anew)
            loads |= new
    for schema, name in _small_tables(connection):
        _replace(catalog, connection, schema, name)
    return Copied(rows, len(loads), is_again)


def forget_builds_on_cluster(catalog: SqlCatalog, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the loads pending there that are pending here, because somebody asked for them again."""
    schema, name = BUILDS.split(".")
    if not catalog.table_exists((schema, name)):
        return
    built = connection.execute(f"select distinct load_number from {BUILDS}").fetchall()
    table = catalog.load_table((schema, name))
    there = table.scan().to_arrow()
    kept = pa.compute.is_in(
        there["load_number"], pa.array([number for (number,) in built], "int64")
    )
    if not all(kept.to_pylist()):
        with table.transaction() as transaction:
            empty(transaction)
            transaction.append(there.filter(kept))


def empty(transaction: Transaction) -> None:
    """Delete all rows of a table; pyiceberg would warn if it has none."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Delete operation did not match any records")
        transaction.delete(AlwaysTrue())


def _append(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    name: str,
    new: Collection[str],
    known: Collection[str],
    *,
    anew: bool,
) -> int:
    key = "load_id" if name == "_dlt_loads" else "_dlt_load_id"
    reader = connection.execute(
        f"select {_selected(connection, 'raw', name)} from raw.{name} where {key} in"
        " (select unnest($1))",
        [sorted(new)],
    ).to_arrow_reader(BATCH_ROWS)
    rows = 0
    with table.transaction() as transaction:
        if anew:
            empty(transaction)
        for batch in reader:
            transaction.append(pa.Table.from_batches([batch]))
            rows += batch.num_rows
        transaction.set_properties({LOADS: json.dumps(sorted({*known, *new}))})
    return rows


def _small_tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The lists of `enrichment`, and the definitions of the site."""
    lists = connection.execute(
        "select schema_name, table_name from duckdb_tables() where schema_name = 'enrichment'"
    ).fetchall()
    definitions = (table.split(".") for table in DEFINITION_TABLES)
    return sorted([*lists, *((schema, name) for schema, name in definitions)])


def _replace(
    catalog: SqlCatalog, connection: duckdb.DuckDBPyConnection, schema: str, name: str
) -> None:
    rows = connection.execute(
        f"select {_selected(connection, schema, name)} from {schema}.{name} order by all"
    ).to_arrow_table()
    table = table_of(catalog, schema, name, rows.schema)
    content = hashlib.sha256(repr((rows.schema, rows.to_pylist())).encode()).hexdigest()
    if table.properties.get(CONTENT) != content:
        with table.transaction() as transaction:
            empty(transaction)
            transaction.append(rows)
            transaction.set_properties({CONTENT: content})


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> pa.Schema:
    selected = _selected(connection, schema, name)
    return (
        connection.execute(f"select {selected} from {schema}.{name} limit 0")
        .to_arrow_table()
        .schema
    )


def _selected(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> str:
    """The columns as Iceberg has them: JSON as text, and each timestamp an instant."""
    selected = []
    for column, kind, *_ in connection.execute(f"describe {schema}.{name}").fetchall():
        expression = {
            "JSON": f'cast("{column}" as varchar)',
            "TIMESTAMP": f"\"{column}\" at time zone 'UTC'",
        }.get(kind, f'"{column}"')
        selected.append(f'{expression} as "{RENAMED.get(column, column)}"')
    return ", ".join(selected)
