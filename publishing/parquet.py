"""The published tables as Parquet files, for tools that read no DuckDB.

published/parquet/20261129T233923Z-53a5a104/marts.fct_sessions.parquet    one file for each table
published/parquet/20261129T233923Z-53a5a104/manifest.json                 what they hold
published/parquet/latest                                                  a link to the newest

A folder is one published version. Once it is there it does not change.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.facts.disk import fsync_folder, sha256_of
from ingestion.settings import Settings
from publishing.publish import SCHEMA
from warehouse.meta import PUBLISHED
from warehouse.sql import NULLABLE_COLUMNS, identifier, literal

LATEST: Final = "latest"


@dataclass(frozen=True)
class Export:
    """The folder of a published version, its tables and their bytes."""

    folder: Path
    tables: int
    size_bytes: int


def export(settings: Settings) -> Export | None:
    """Write the published version as Parquet; None if that was done before.

    Keeps FOOTFALL_PARQUET_VERSIONS folders and deletes the oldest. After a crash at any step, each
    folder is whole. The caller holds the writer lock.
    """
    parent = folder_of(settings)
    parent.mkdir(parents=True, exist_ok=True)
    for leftover in parent.glob(".*"):
        _remove(leftover)
    with duckdb.connect(
        config={"threads": settings.threads, "memory_limit": settings.memory_limit}
    ) as connection:
        connection.execute(f"set temp_directory = {literal(str(parent / '.spilled'))}")
        connection.execute(f"attach {literal(str(settings.published))} as published (read_only)")
        connection.execute("use published")
        connection.execute(NULLABLE_COLUMNS)
        edge = connection.execute(
            f"""
            select any_value(version), max(published_at), max(data_through), any_value(definition)
            from {PUBLISHED}
            """
        ).fetchone()
        assert edge is not None
        version, published_at, data_through, definition = edge
        folder = parent / f"{published_at:%Y%m%dT%H%M%SZ}-{version[:8]}"
        exported = None
        if not folder.exists():
            manifest = {
                "version": version,
                "published_at": f"{published_at.isoformat()}Z",
                "data_through": data_through and f"{data_through.isoformat()}Z",
                "definition": definition,
                "time_zone": settings.reporting_time_zone,
            }
            exported = _write_folder(connection, folder, manifest)
    # A run that was killed may have written the folder and not come so far.
    _point_to(folder)
    for old in sorted(parent.glob("[0-9]*"))[: -settings.parquet_versions]:
        _remove(old)
    return exported


def remove_exports(settings: Settings) -> None:
    """Delete all versions: those of an erased person cannot be told from others."""
    for each in list(folder_of(settings).glob("*")):
        _remove(each)


def folder_of(settings: Settings) -> Path:
    """Where the versions are."""
    return settings.published.parent / "parquet"


def _write_folder(
    connection: duckdb.DuckDBPyConnection, folder: Path, manifest: dict[str, Any]
) -> Export:
    fresh = folder.with_name(f".{secrets.token_hex(8)}")
    fresh.mkdir()
    tables = [
        _write(connection, name, comment, fresh)
        for name, comment in connection.execute(
            """
            select table_name, comment from duckdb_tables()
            where database_name = 'published' and schema_name = ? order by table_name
            """,
            [SCHEMA],
        ).fetchall()
    ]
    (fresh / "manifest.json").write_text(
        json.dumps(manifest | {"tables": tables}, indent=2, ensure_ascii=False)
    )
    fsync_folder(fresh)
    fresh.rename(folder)
    fsync_folder(folder.parent)
    return Export(folder, len(tables), sum(table["bytes"] for table in tables))


def _write(
    connection: duckdb.DuckDBPyConnection, name: str, comment: str | None, folder: Path
) -> dict[str, Any]:
    """Write one table; returns its part of the manifest."""
    path = folder / f"{SCHEMA}.{name}.parquet"
    found = connection.execute(
        f"""
        copy {SCHEMA}.{identifier(name)} to {literal(str(path))}
        (format parquet, compression zstd)
        """
    ).fetchone()
    columns = connection.execute(
        """
        select column_name, data_type, comment from duckdb_columns()
        where database_name = 'published' and schema_name = ? and table_name = ?
        order by column_index
        """,
        [SCHEMA, name],
    ).fetchall()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {
        "table": f"{SCHEMA}.{name}",
        "file": path.name,
        "rows": found[0] if found else 0,
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "description": comment,
        "columns": [
            {"name": column, "type": kind, "description": text} for column, kind, text in columns
        ],
    }


def _point_to(folder: Path) -> None:
    link = folder.with_name(f".{secrets.token_hex(8)}")
    link.symlink_to(folder.name)
    os.replace(link, folder.with_name(LATEST))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # Gone under its name at once: a reader finds all of it or nothing.
        dying = path if path.name.startswith(".") else path.with_name(f".{secrets.token_hex(8)}")
        path.rename(dying)
        shutil.rmtree(dying)
    else:
        path.unlink(missing_ok=True)
