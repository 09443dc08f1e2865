"""Loading what is pending into the warehouse, each file exactly once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from ingestion.loading.landing import Landing
from ingestion.loading.ledger import read_ledger, sweep_orphans
from ingestion.loading.source import PendingLoad, landing_source
from ingestion.settings import Settings
from ingestion.warehouse import connect, engine_config

PIPELINE = "landing"
SCHEMA = "raw"


@dataclass(frozen=True)
class LoadReport:
    """What one load did, in files and rows. ``data_through`` is the last received_at of all."""

    files: int
    events: int
    refused: int
    bad_lines: int
    orphans_swept: int
    changed_files: list[str]
    data_through: datetime | None


def make_pipeline(settings: Settings) -> dlt.Pipeline:
    """The dlt pipeline of this site; its working folder is FOOTFALL_HOME/dlt."""
    # dlt reports its use to its makers unless told not to; Footfall talks to nobody.
    dlt.config["runtime.dlthub_telemetry"] = False
    credentials = DuckDbCredentials(str(settings.warehouse))
    credentials.global_config = engine_config(settings)
    return dlt.pipeline(
        PIPELINE,
        pipelines_dir=str(settings.home / "dlt"),
        destination=dlt.destinations.duckdb(credentials),
        dataset_name=SCHEMA,
    )


def load(
    settings: Settings, run: Callable[[dlt.Pipeline, Any], object] = dlt.Pipeline.run
) -> LoadReport:
    """Load every landed file that no completed load holds; running it twice loads nothing twice.

    ``run`` takes the pipeline and the source and runs the one on the other. The caller holds
    the writer lock.
    """
    scratch = settings.home / "dlt" / "staged"
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
    pipeline = make_pipeline(settings)
    # A package left by a crash would be loaded in place of the new one; its files are
    # still pending, because its load never completed.
    pipeline.abort_packages()
    with connect(settings) as connection:
        swept = sweep_orphans(connection)
        ledger = read_ledger(connection)
    landed = Landing(settings.landing).files()
    number = ledger.last_load_number + 1
    try:
        run(pipeline, landing_source(PendingLoad(settings, ledger.pending(landed), number)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with connect(settings) as connection:
        row = connection.execute(
            """
            select
                (select count(*) from raw.files where load_number = $1),
                (select count(*) from raw.events where load_number = $1),
                (select count(*) from raw.refused where load_number = $1),
                (select coalesce(sum(bad_count), 0) from raw.files where load_number = $1),
                (select max(received_at) from raw.events)
            """,
            [number],
        ).fetchone()
    assert row is not None
    files, events, refused, bad_lines, data_through = row
    return LoadReport(
        files=files,
        events=events,
        refused=refused,
        bad_lines=int(bad_lines),
        orphans_swept=swept,
        changed_files=[file.name for file in ledger.changed(landed)],
        data_through=data_through,
    )
