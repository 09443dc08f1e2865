"""Loading pending files into the warehouse, each exactly once."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.schema import Schema
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.store import LandedFile, Landing
from ingestion.landing.tombstones import TombstoneFile
from ingestion.ledger import SCHEMA, Ledger, read_ledger, sweep_orphans
from ingestion.loading.source import RAW_TABLES, PendingLoad, landing_source
from ingestion.settings import Settings
from warehouse.connection import connect, engine_config, usable_home

PIPELINE = "landing"
#: The counts of a load, by its number.
COUNTS = """
    select
        (select count(*) from raw.files where load_number = $1),
        (select count(*) from raw.events where load_number = $1),
        (select count(*) from raw.refused where load_number = $1),
        (select coalesce(sum(bad_count), 0) from raw.files where load_number = $1),
        (select max(received_at) from raw.events)
"""


@dataclass(frozen=True)
class LoadReport:
    """The files and rows of one load. ``data_through`` is the last received_at in raw.

    ``erased`` lines were removed from their files, because their person is erased.
    """

    load_number: int
    files: int
    events: int
    refused: int
    bad_lines: int
    erased: int
    orphans_swept: int
    changed_files: list[str]
    data_through: datetime | None


def make_pipeline(
    settings: Settings,
    folder: Path | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> dlt.Pipeline:
    """The dlt pipeline of this site, with this working folder, or a temporary one.

    It loads over the connection, or opens the warehouse itself.

    dlt keeps its state in the warehouse, so the folder may be deleted at any time.
    """
    # dlt sends statistics to its makers by default. Footfall sends nothing to anybody.
    dlt.config["runtime.dlthub_telemetry"] = False
    credentials = DuckDbCredentials(connection or str(settings.warehouse))
    credentials.global_config = engine_config(settings)
    working = folder or Path(tempfile.mkdtemp(prefix="footfall-dlt-"))
    pipeline = dlt.pipeline(
        PIPELINE,
        pipelines_dir=str(working),
        destination=dlt.destinations.duckdb(credentials),
        dataset_name=SCHEMA,
    )
    if folder is None:
        weakref.finalize(pipeline, shutil.rmtree, working, ignore_errors=True)
    return pipeline


def load(
    settings: Settings, run: Callable[[dlt.Pipeline, Any], object] = dlt.Pipeline.run
) -> LoadReport:
    """Load every landed file that no completed load has; running it twice loads nothing twice.

    ``run`` runs the pipeline on the source. The caller holds the writer lock. Raises HomeUnusable,
    LandingUnusable or WarehouseBusy.
    """
    scratch = settings.load_scratch
    # dlt too uses this connection: it would open and close the warehouse for each of its steps.
    with connect(settings) as connection:
        swept = sweep_orphans(connection)
        ledger = read_ledger(connection)
        landed, unread, erased = _without_erased(settings, ledger)
        number = ledger.last_load_number + 1
        # dlt would load a package that a crash left in place of the new one. The files in it are
        # still pending, because their load never completed.
        shutil.rmtree(scratch, ignore_errors=True)
        with usable_home(settings):
            scratch.mkdir(parents=True, exist_ok=True)
        try:
            files = [file for file in ledger.pending(landed) if file.name not in unread]
            pending = PendingLoad(settings, files, number, connection)
            pipeline = make_pipeline(settings, scratch, connection)
            source = landing_source(pending)
            _make_tables(pipeline, source, connection)
            run(pipeline, source)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        row = connection.execute(COUNTS, [number]).fetchone()
    assert row is not None
    files, events, refused, bad_lines, data_through = row
    return LoadReport(
        load_number=number,
        files=files,
        events=events,
        refused=refused,
        bad_lines=int(bad_lines),
        erased=erased,
        orphans_swept=swept,
        changed_files=[file.name for file in ledger.changed(landed)],
        data_through=data_through,
    )


def _make_tables(
    pipeline: dlt.Pipeline, source: Any, connection: duckdb.DuckDBPyConnection
) -> None:
    """Let dlt make the tables and columns that raw lacks: else it would do so after their rows."""
    found = set(
        connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = $1", [SCHEMA]
        ).fetchall()
    )
    if found.issuperset((table, name) for table, columns in RAW_TABLES.items() for name in columns):
        return
    with pipeline.destination_client() as client:
        schema = Schema.from_stored_schema(source.discover_schema().to_dict())
        client.schema.replace_schema_content(schema)
        client.initialize_storage()
        # Also where dlt has seen this schema, and somebody took a column away since.
        client.update_stored_schema(force=True)


def _without_erased(settings: Settings, ledger: Ledger) -> tuple[list[LandedFile], set[str], int]:
    """Remove erased people from the pending files; returns the files of the landing after that.

    Also returns the files that could not be searched, and the count of erased lines. This costs
    nothing without erasures; with one, each pending line is read once more.
    """
    landing = Landing(settings.landing)
    landed = landing.files()
    tombstones = TombstoneFile(settings.home).read()
    if not tombstones:
        return landed, set(), 0
    erased, unread = LandedFiles(settings).erase(ledger.pending(landed), tombstones)
    return (landing.files() if erased else landed), unread, sum(erased.values())
