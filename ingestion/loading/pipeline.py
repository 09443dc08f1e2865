"""Loading what is pending into the warehouse, each file exactly once."""

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
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.store import LandedFile, Landing
from ingestion.landing.tombstones import TombstoneFile
from ingestion.ledger import SCHEMA, Ledger, read_ledger, sweep_orphans
from ingestion.loading.source import PendingLoad, landing_source
from ingestion.settings import Settings
from warehouse.connection import connect, engine_config, usable_home

PIPELINE = "landing"
#: What a load brought, by its number.
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
    """What one load did, in files and rows. ``data_through`` is the last received_at of all.

    ``erased`` lines were of people who are erased, and are no longer in their files.
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


def make_pipeline(settings: Settings, folder: Path | None = None) -> dlt.Pipeline:
    """The dlt pipeline of this site, working in the folder, or in a temporary one.

    All that dlt has to know from load to load stands in the warehouse, so its working folder
    may go at any time.
    """
    # dlt reports its use to its makers unless told not to; Footfall talks to nobody.
    dlt.config["runtime.dlthub_telemetry"] = False
    # Files that are inserted one after the other fill the same row groups: a third less time
    # and space than side by side, and DuckDB uses all its threads on each anyway.
    dlt.config["load.workers"] = 1
    credentials = DuckDbCredentials(str(settings.warehouse))
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
    """Load every landed file that no completed load holds; running it twice loads nothing twice.

    ``run`` takes the pipeline and the source and runs the one on the other. The caller holds
    the writer lock. Raises HomeUnusable, LandingUnusable or WarehouseBusy.
    """
    scratch = settings.load_scratch
    with connect(settings) as connection:
        swept = sweep_orphans(connection)
        ledger = read_ledger(connection)
    landed, unread, erased = _without_erased(settings, ledger)
    number = ledger.last_load_number + 1
    # A package left by a crash would be loaded in place of the new one; its files are still
    # pending, because its load never completed.
    shutil.rmtree(scratch, ignore_errors=True)
    with usable_home(settings):
        scratch.mkdir(parents=True, exist_ok=True)
    try:
        files = [file for file in ledger.pending(landed) if file.name not in unread]
        pending = PendingLoad(settings, files, number)
        run(make_pipeline(settings, scratch), landing_source(pending))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with connect(settings) as connection:
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


def _without_erased(settings: Settings, ledger: Ledger) -> tuple[list[LandedFile], set[str], int]:
    """What lies in the landing once erased people are out of everything pending.

    With it come the files that could not be looked into, and the count of erased lines. A site
    that never erased anybody pays nothing; another reads each pending line once more.
    """
    landing = Landing(settings.landing)
    landed = landing.files()
    tombstones = TombstoneFile(settings.home).read()
    if not tombstones:
        return landed, set(), 0
    erased, unread = LandedFiles(settings).erase(ledger.pending(landed), tombstones)
    return (landing.files() if erased else landed), unread, sum(erased.values())
