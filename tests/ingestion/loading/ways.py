"""Staging alone, without a load: with a manifest and without one."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import duckdb

from ingestion.landing.manifests import Manifest
from ingestion.landing.store import Landing
from ingestion.loading.staging import Group, Stager


class Ways:
    """Stages bytes with a manifest or without one."""

    def __init__(self, folder: Path) -> None:
        """Work in the folder."""
        self._folder = folder
        self._landing = Landing(str(folder / "landing"))
        self._landing.files()  # makes its folders
        self._numbers = itertools.count()

    def staged(self, kind: str, data: bytes, lines: int, *, vouched: bool) -> Group:
        """The group of one file; ``lines`` is what its manifest says."""
        name = f"{kind}/a.ndjson"
        (self._folder / "landing" / name).write_bytes(data)
        manifest = Manifest(name, lines, hashlib.sha256(data).hexdigest(), {})
        scratch = self._folder / f"{next(self._numbers)}"
        scratch.mkdir()
        stager = Stager(
            self._landing,
            scratch,
            load_id="1.0",
            load_number=1,
            vouched={name: manifest} if vouched else {},
            threads=1,
        )
        [group] = stager.stage([file for file in self._landing.files() if file.kind == kind])
        return group

    def was_judged(self, group: Group) -> bool:
        """Whether its lines went through the judge: they then stand in a file of their own."""
        return group.files[0].path.is_relative_to(group.parquet.parent)


def rows_of(group: Group) -> list[dict[str, Any]]:
    """The staged rows in the order of their lines."""
    with duckdb.connect(config={"threads": 1}) as connection:
        cursor = connection.execute(f"select * from '{group.parquet}' order by _file, _line")
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
