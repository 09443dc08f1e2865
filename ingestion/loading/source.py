"""The dlt source: the pending files as columnar tables of the schema raw."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.common.storages.load_package import load_package_state
from dlt.extract import DltResource
from pyarrow.parquet import write_table

from ingestion.facts.envelope import EVENT_COLUMNS, REFUSED_COLUMNS
from ingestion.facts.lines import bad_line
from ingestion.landing.manifests import Manifest, read_manifest
from ingestion.landing.store import LandedFile, Landing
from ingestion.loading.inserting import Inserter
from ingestion.settings import Settings

_DLT_TYPES = {
    "varchar": "text",
    "bigint": "bigint",
    "timestamptz": "timestamp",
    "date": "date",
    "json": "json",
}
_PLACE = {"_file": "varchar", "_line": "bigint"}
_LOAD = {"load_number": "bigint", "_dlt_load_id": "varchar"}

#: raw table → its columns and DuckDB types. Rows of a load share load_number and _dlt_load_id.
RAW_TABLES: dict[str, dict[str, str]] = {
    "events": {**EVENT_COLUMNS, **_PLACE, **_LOAD},
    "refused": {**REFUSED_COLUMNS, **_PLACE, **_LOAD},
    "bad_lines": {**_PLACE, "reason": "varchar", "text": "varchar", **_LOAD},
    "manifests": {
        "segment": "varchar",
        "source_id": "varchar",
        "received_date": "date",
        "line_count": "bigint",
        "erased_count": "bigint",
        **_LOAD,
    },
    "files": {
        "file": "varchar",
        "kind": "varchar",
        "size_bytes": "bigint",
        "sha256": "varchar",
        "line_count": "bigint",
        "loaded_count": "bigint",
        "bad_count": "bigint",
        **_LOAD,
    },
}
_ARROW_TYPES = {
    "varchar": pa.string(),
    "bigint": pa.int64(),
    "timestamptz": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "json": pa.string(),
}


Rows = list[dict[str, Any]]


@dataclass
class PendingLoad:
    """The files of one load."""

    settings: Settings
    files: list[LandedFile] = field(default_factory=list)
    load_number: int = 0
    connection: duckdb.DuckDBPyConnection | None = None

    @cached_property
    def folder(self) -> Path:
        """A temporary folder beside the warehouse: dlt can link its files instead of copying."""
        scratch = self.settings.load_scratch
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="staged-", dir=scratch))

    @cached_property
    def rows(self) -> dict[str, Rows]:
        """Raw table → the rows that dlt appends to it. The first use inserts the lines of files.

        The tables of lines have no rows here: DuckDB has inserted them, under dlt's id of the load,
        and they count once dlt says that this load is complete.
        """
        assert self.connection is not None
        load_id = str(load_package_state()["load_id"])
        load = {"load_number": self.load_number, "_dlt_load_id": load_id}
        rows: dict[str, Rows] = {table: [] for table in RAW_TABLES}
        vouched: dict[str, Manifest] = {}
        inserter = Inserter(
            Landing(self.settings.landing),
            self.folder,
            self.connection,
            load_id=load_id,
            load_number=self.load_number,
            vouched=vouched,
            threads=self.settings.threads,
        )
        loaded = []
        for landed in self.files:
            if landed.kind == "manifest" and (fetched := inserter.fetched(landed)):
                manifest = read_manifest(fetched.path)
                fetched.line_count = 1
                if isinstance(manifest, str):
                    fetched.refuse(bad_line(1, manifest, fetched.path.read_bytes()))
                else:
                    vouched[manifest.segment] = manifest
                    rows["manifests"] += [row | load for row in manifest.rows()]
                loaded.append(fetched)
        for file in [*loaded, *inserter.insert(self.files)]:
            rows["files"].append(file.row() | load)
            rows["bad_lines"] += [row | load for row in file.bad_rows()]
        return rows


def landing_source(load: PendingLoad) -> Any:
    """The dlt source `landing`: one resource per raw table, over the files of one load.

    Nothing is read before dlt reads the resource.
    """

    def rows(table: str) -> Iterator[Any]:
        found = load.rows[table]
        # A table without rows is a file too: dlt makes the table of it.
        parquet = load.folder / f"{table}.parquet"
        write_table(_arrow(table, found), parquet)
        yield dlt.mark.with_file_import(str(parquet), "parquet", len(found))

    @dlt.source(name="landing", max_table_nesting=0)
    def landing_tables() -> list[DltResource]:
        return [_resource(table, rows(table)) for table in RAW_TABLES]

    return landing_tables()


def _arrow(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of a raw table, maybe none, with all columns in their order.

    So dlt creates the table also without rows. dlt.mark.materialize_table_schema would add a column
    _dlt_id that is not nullable. Columnar rows do not have it, so the first bad line would stop
    every load. If the order of columns differed, dlt would write every Parquet file again.
    """
    columns = [(name, _ARROW_TYPES[type_]) for name, type_ in RAW_TABLES[table].items()]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


def _resource(table: str, rows: Iterator[Any]) -> DltResource:
    columns: list[TColumnSchema] = [
        {"name": name, "data_type": _DLT_TYPES[type_]}  # type: ignore[typeddict-item]
        for name, type_ in RAW_TABLES[table].items()
    ]
    # Of a generator dlt would look for the module, among the files of all that are imported.
    return dlt.resource(chain(rows), name=table, write_disposition="append", columns=columns)
