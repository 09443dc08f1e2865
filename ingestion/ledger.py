"""Which files are loaded: the table raw.files, of completed loads only."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from ingestion.landing.manifests import ERASURES, erasures_name
from ingestion.landing.store import LandedFile
from warehouse.sql import has_table

#: The schema of the loaded tables.
SCHEMA = "raw"
#: The raw tables whose rows name their load.
LOADED_TABLES = ("events", "refused", "files", "bad_lines", "manifests")


@dataclass(frozen=True)
class Ledger:
    """The files of completed loads, name → size in bytes, and the number of the last load."""

    sizes: dict[str, int]
    last_load_number: int

    def pending(self, landed: list[LandedFile]) -> list[LandedFile]:
        """The landed files that no completed load has loaded, in the order given.

        The manifest that an erasure writes for a loaded file is not pending. The erasure itself
        brings it into raw: if it was interrupted, raw still has the erased lines.
        """
        pending = [file for file in landed if file.name not in self.sizes]
        if any(file.name.startswith(ERASURES) for file in pending):
            made = {erasures_name(name) for name in self.sizes}
            pending = [file for file in pending if file.name not in made]
        return pending

    def changed(self, landed: list[LandedFile]) -> list[LandedFile]:
        """Loaded files whose size has changed since. Sealed files should never change."""
        return [
            file for file in landed if self.sizes.get(file.name, file.size_bytes) != file.size_bytes
        ]


def read_ledger(connection: duckdb.DuckDBPyConnection) -> Ledger:
    """The ledger of this warehouse; empty before the first load."""
    if not has_table(connection, "raw.files"):
        return Ledger({}, 0)
    rows = connection.execute(
        """
        select files.file, files.size_bytes, files.load_number
        from raw.files as files
        inner join raw._dlt_loads as loads
            on files._dlt_load_id = loads.load_id and loads.status = 0
        """
    ).fetchall()
    return Ledger(
        {str(name): int(size) for name, size, _ in rows},
        max((int(number) for _, _, number in rows), default=0),
    )


def sweep_orphans(connection: duckdb.DuckDBPyConnection) -> int:
    """Delete the rows of loads that never completed and return how many there were.

    A crash between a table's commit and the end of its load leaves such rows. No model reads them;
    deleting them frees the space. The caller holds the writer lock, so no load is running.
    """
    swept = 0
    for table in LOADED_TABLES:
        if has_table(connection, f"raw.{table}"):
            orphans = connection.execute(
                f"""
                select distinct _dlt_load_id from raw.{table}
                where _dlt_load_id not in (select load_id from raw._dlt_loads where status = 0)
                """
            ).fetchall()
            for (load_id,) in orphans:
                deleted = connection.execute(
                    f"delete from raw.{table} where _dlt_load_id = ?", [load_id]
                ).fetchone()
                swept += int(deleted[0]) if deleted else 0
    return swept
