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
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.common.storages.load_package import load_package_state
from dlt.extract import DltResource
from pyarrow.parquet import write_table

from ingestion.facts.envelope import EVENT_COLUMNS, REFUSED_COLUMNS
from ingestion.facts.lines import bad_line
from ingestion.landing.manifests import Manifest, read_manifest
from ingestion.landing.store import LandedFile, Landing
from ingestion.loading.staging import Group, StagedFile, Stager
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


@dataclass
class PendingLoad:
    """The files of one load, staged once for all tables."""

    settings: Settings
    files: list[LandedFile] = field(default_factory=list)
    load_number: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"bad_lines": [], "manifests": [], "files": []}
    )

    @cached_property
    def folder(self) -> Path:
        """A temporary folder beside the warehouse: dlt can link its files instead of copying."""
        scratch = self.settings.load_scratch
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="staged-", dir=scratch))

    @cached_property
    def groups(self) -> list[Group]:
        """The staged files of events and refused. It also fills ``rows`` of the small tables."""
        load_id = str(load_package_state()["load_id"])
        load = {"load_number": self.load_number, "_dlt_load_id": load_id}
        vouched: dict[str, Manifest] = {}
        stager = Stager(
            Landing(self.settings.landing),
            self.folder,
            load_id=load_id,
            load_number=self.load_number,
            vouched=vouched,
            threads=self.settings.threads,
        )
        for landed in self.files:
            if landed.kind == "manifest" and (staged := stager.fetched(landed)):
                manifest = read_manifest(staged.path)
                staged.line_count = 1
                if isinstance(manifest, str):
                    staged.refuse(bad_line(1, manifest, staged.path.read_bytes()))
                else:
                    vouched[manifest.segment] = manifest
                    self.rows["manifests"] += [row | load for row in manifest.rows()]
                self._account(staged, load)
        groups = stager.stage(self.files)
        for staged in (file for group in groups for file in group.files):
            self._account(staged, load)
        return groups

    def _account(self, file: StagedFile, load: dict[str, Any]) -> None:
        """Add a file to the ledger, and its bad lines to theirs."""
        row = {
            "file": file.landed.name,
            "kind": file.landed.kind,
            "size_bytes": file.landed.size_bytes,
            "sha256": file.sha256,
            "line_count": file.line_count,
            "loaded_count": file.loaded_count,
            "bad_count": file.bad_count,
        }
        self.rows["files"].append(row | load)
        self.rows["bad_lines"] += [
            {"_file": file.landed.name, "_line": bad.line, "reason": bad.reason, "text": bad.text}
            | load
            for bad in file.bad_lines
        ]


def landing_source(load: PendingLoad) -> Any:
    """The dlt source `landing`: one resource per raw table, over the files of one load.

    Nothing is read before dlt reads the resource.
    """

    def parquet(table: str, kind: str) -> Iterator[Any]:
        groups = [group for group in load.groups if group.kind == kind and group.rows]
        for group in groups:
            yield dlt.mark.with_file_import(str(group.parquet), "parquet", group.rows)
        if not groups:
            empty = load.folder / f"{table}-empty.parquet"
            write_table(_arrow(table, []), empty)
            yield dlt.mark.with_file_import(str(empty), "parquet", 0)

    def small(table: str) -> Iterator[Any]:
        if load.groups is not None:
            yield _arrow(table, load.rows[table])

    @dlt.source(name="landing", max_table_nesting=0)
    def landing_tables() -> list[DltResource]:
        return [
            _resource("events", parquet("events", "events")),
            _resource("refused", parquet("refused", "quarantine")),
            *(_resource(table, small(table)) for table in ("bad_lines", "manifests", "files")),
        ]

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
