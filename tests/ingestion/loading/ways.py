"""Inserting alone, without dlt: with a manifest and without one."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing.manifests import Manifest
from ingestion.landing.store import Landing
from ingestion.loading.inserting import Inserter, LoadingFile
from ingestion.loading.source import RAW_TABLES
from ingestion.loading.statement import TABLES


@dataclass(frozen=True)
class Inserted:
    """One file after its lines were inserted."""

    file: LoadingFile
    #: Its rows in the order of their lines.
    rows: list[dict[str, Any]]
    #: Whether its lines went through the judge: the good ones are then in a file of their own.
    was_judged: bool


class Ways:
    """Inserts bytes with a manifest or without one."""

    def __init__(self, folder: Path) -> None:
        """Work in the folder."""
        self._folder = folder
        self._landing = Landing(str(folder / "landing"))
        self._landing.files()  # makes its folders
        self._numbers = itertools.count()
        self._connection = duckdb.connect()
        self._connection.execute("set global TimeZone = 'UTC'")
        self._connection.execute("create schema raw")
        for table in TABLES.values():
            columns = ", ".join(f'"{name}" {type_}' for name, type_ in RAW_TABLES[table].items())
            self._connection.execute(f"create table raw.{table} ({columns})")

    def inserted(self, kind: str, data: bytes, lines: int, *, vouched: bool) -> Inserted:
        """The rows of one file; ``lines`` is what its manifest says."""
        name = f"{kind}/a.ndjson"
        (self._folder / "landing" / name).write_bytes(data)
        manifest = Manifest(name, lines, hashlib.sha256(data).hexdigest(), {})
        scratch = self._folder / f"{next(self._numbers)}"
        scratch.mkdir()
        self._connection.execute(f"truncate raw.{TABLES[kind]}")
        inserter = Inserter(
            self._landing,
            scratch,
            self._connection,
            load_id="1.0",
            load_number=1,
            vouched={name: manifest} if vouched else {},
            threads=1,
        )
        [file] = inserter.insert([file for file in self._landing.files() if file.kind == kind])
        cursor = self._connection.execute(f"from raw.{TABLES[kind]} order by _line")
        names = [column[0] for column in cursor.description or []]
        return Inserted(
            file,
            [dict(zip(names, row, strict=True)) for row in cursor.fetchall()],
            file.path.is_relative_to(scratch),
        )
