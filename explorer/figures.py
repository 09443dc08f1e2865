"""The marts of figures as a file of their own, in which no row is about one person."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Final

import duckdb

from warehouse.sql import comment_on, identifier, literal

#: What the copy holds. A mart with a row per event, visit or person has no place here, nor one
#: with the id of a device or a user agent.
TABLES: Final = (
    "marts.dim_cohorts",
    "marts.dim_events",
    "marts.fct_cohort_days",
    "marts.fct_conversion_calibration",
    "marts.fct_daily_actives",
    "marts.fct_event_transitions",
    "marts.fct_experiment_results",
    "marts.fct_funnel_steps",
    "marts.fct_page_days",
    "marts.fct_retention",
    "marts.fct_web_vitals",
    "marts.ledger",
    "marts.restatements",
    "meta.check_outcomes",
    "meta.published",
)


class Figures:
    """A copy of these tables, made again for each version of the published file.

    An instance of DuckDB can read the bytes of each file that was ever attached to it, whatever is
    forbidden. So this copy, and not a filter, keeps the other tables from those who write SQL.
    """

    def __init__(self, published: Path) -> None:
        self._published = published
        # Ends with the process. Nobody else may read it.
        self._folder = tempfile.TemporaryDirectory(prefix="footfall-figures-")
        self._lock = threading.Lock()
        self._version = ""
        self.path = Path(self._folder.name) / "footfall.duckdb"

    def copy(self, version: str) -> None:
        """Copy this version, unless it is copied. Raises duckdb.Error if it cannot be read."""
        with self._lock:
            if version != self._version:
                fresh = self.path.with_suffix(".fresh")
                fresh.unlink(missing_ok=True)
                _write(self._published, fresh)
                fresh.replace(self.path)
                self._version = version

    def close(self) -> None:
        """Remove the copy."""
        self._folder.cleanup()


def _write(published: Path, fresh: Path) -> None:
    with duckdb.connect(str(fresh)) as connection:
        connection.execute(f"attach {literal(str(published))} as whole (read_only)")
        connection.execute("create schema marts; create schema meta")
        found = connection.execute(
            """
            select schema_name || '.' || table_name, comment from duckdb_tables()
            where database_name = 'whole'
            """
        ).fetchall()
        comments = dict(found)
        for table in TABLES:
            if table in comments:
                connection.execute(f"create table {table} as from whole.{table}")
                comment_on(connection, f"table {table}", comments[table])
        columns = connection.execute(
            """
            select schema_name || '.' || table_name, column_name, comment from duckdb_columns()
            where database_name = 'whole' and comment is not null
            """
        ).fetchall()
        for table, column, comment in columns:
            if table in TABLES:
                comment_on(connection, f"column {table}.{identifier(column)}", comment)
