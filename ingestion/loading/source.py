"""The dlt source: what is pending in the landing, as columnar tables of the schema raw."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.common.storages.load_package import load_package_state
from dlt.extract import DltResource

from ingestion.event import EVENT_COLUMNS, REFUSED_COLUMNS
from ingestion.loading.landing import LandedFile, Landing
from ingestion.loading.staging import Group, Stager, read_manifest
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
_ARROW_TYPES = {"varchar": pa.string(), "bigint": pa.int64(), "date": pa.date32()}


@dataclass
class PendingLoad:
    """The files of one load; staged once, however many tables are asked for."""

    settings: Settings
    files: list[LandedFile] = field(default_factory=list)
    load_number: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"bad_lines": [], "manifests": [], "files": []}
    )

    @cached_property
    def folder(self) -> Path:
        """Scratch space beside the warehouse, so that dlt can link files instead of copying."""
        scratch = self.settings.home / "dlt" / "staged"
        scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=scratch))

    @cached_property
    def groups(self) -> list[Group]:
        """Everything staged: Parquet files for events and refused, rows for the small tables."""
        landing = Landing(self.settings.landing)
        load_id = str(load_package_state()["load_id"])
        load = {"load_number": self.load_number, "_dlt_load_id": load_id}
        vouched: dict[str, str] = {}
        for file in self.files:
            if file.kind == "manifest":
                manifest = read_manifest(landing, file, self.folder)
                if manifest is None:
                    reason = "not a manifest: JSON with segment and received is expected"
                    bad = {"_file": file.name, "_line": 1, "reason": reason, "text": None}
                    self.rows["bad_lines"].append(bad | load)
                else:
                    vouched[str(manifest["segment"])] = str(manifest.get("sha256"))
                    self.rows["manifests"] += [row | load for row in _manifest_rows(manifest)]
                self.rows["files"].append(_file_row(file, bad_count=int(manifest is None)) | load)
        stager = Stager(
            landing,
            self.folder,
            load_id=load_id,
            load_number=self.load_number,
            vouched=vouched,
            threads=self.settings.threads,
        )
        groups = list(stager.stage(self.files))
        for staged in (file for group in groups for file in group.files):
            row = _file_row(
                staged.landed,
                sha256=staged.sha256,
                line_count=staged.line_count,
                loaded_count=staged.loaded_count,
                bad_count=staged.bad_count,
            )
            self.rows["files"].append(row | load)
            self.rows["bad_lines"] += [
                {
                    "_file": staged.landed.name,
                    "_line": bad.line,
                    "reason": bad.reason,
                    "text": bad.text,
                }
                | load
                for bad in staged.bad_lines
            ]
        return groups


def landing_source(load: PendingLoad) -> Any:
    """The dlt source `landing`: one resource per raw table, over the files of one load.

    Nothing is read before dlt asks for it.
    """

    def parquet(kind: str) -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()
        for group in load.groups:
            if group.kind == kind and group.rows:
                yield dlt.mark.with_file_import(str(group.parquet), "parquet", group.rows)

    def small(table: str) -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()
        if load.groups is not None and load.rows[table]:
            columns = [(name, _ARROW_TYPES[type_]) for name, type_ in RAW_TABLES[table].items()]
            yield pa.Table.from_pylist(load.rows[table], schema=pa.schema(columns))

    @dlt.source(name="landing", max_table_nesting=0)
    def landing_tables() -> list[DltResource]:
        return [
            _resource("events", parquet("events")),
            _resource("refused", parquet("quarantine")),
            *(_resource(table, small(table)) for table in ("bad_lines", "manifests", "files")),
        ]

    return landing_tables()


def _resource(table: str, rows: Iterator[Any]) -> DltResource:
    columns: list[TColumnSchema] = [
        {"name": name, "data_type": _DLT_TYPES[type_]}  # type: ignore[typeddict-item]
        for name, type_ in RAW_TABLES[table].items()
    ]
    return dlt.resource(rows, name=table, write_disposition="append", columns=columns)


def _file_row(
    file: LandedFile,
    *,
    sha256: str | None = None,
    line_count: int = 0,
    loaded_count: int = 0,
    bad_count: int = 0,
) -> dict[str, Any]:
    return {
        "file": file.name,
        "kind": file.kind,
        "size_bytes": file.size_bytes,
        "sha256": sha256,
        "line_count": line_count,
        "loaded_count": loaded_count,
        "bad_count": bad_count,
    }


def _manifest_rows(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    from datetime import date

    return [
        {
            "segment": manifest["segment"],
            "source_id": source_id,
            "received_date": date.fromisoformat(day),
            "line_count": int(lines),
        }
        for source_id, days in manifest["received"].items()
        for day, lines in days.items()
    ]
