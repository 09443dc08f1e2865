"""What must stand before Dagster starts: the folders, its instance and dbt's manifest."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from transformation.definition import zone_rules
from transformation.manifest import NotPrepared, keep_manifest, turn_to_prepare

INSTANCE = Path(__file__).with_name("dagster.yaml")
#: One pool for everything that writes to the warehouse; dagster.yaml gives it one place.
POOL = "warehouse"
#: The asset of the received days, whose partitions `rebuild_days` takes.
RECEIVED_DAYS = ("raw", "received_days")
#: Dagster's databases, in its home.
INDEX = "history/runs/index.db"
RECORDS = ("history/runs.db", INDEX, "schedules/schedules.db")
#: Tells whether Dagster came to the end of making its tables.
STAMPED = "select count(*) from sqlite_master where name = 'alembic_version'"


def instance_file(dagster_home: Path) -> bytes:
    """The dagster.yaml of a home: the one of the checkout, which cannot say where that is."""
    events = dagster_home / Path(INDEX).parent
    # A string of JSON is one of YAML.
    return INSTANCE.read_bytes().replace(
        f"DAGSTER_HOME/{Path(INDEX).parent}".encode(), json.dumps(str(events)).encode()
    )


def prepare(settings: Settings) -> None:
    """Make what is missing, torn or out of date; cheap when nothing is.

    Processes that start together take turns: none reads what another is still writing. Raises
    NotPrepared with what to do where the home cannot be written or read, or the project does not
    parse, or the engine does not know the reporting time zone.
    """
    try:
        zone_rules(settings.reporting_time_zone)
    except duckdb.Error as error:
        raise NotPrepared(
            f"FOOTFALL_REPORTING_TIME_ZONE: DuckDB {duckdb.__version__} does not know "
            f"{settings.reporting_time_zone}: write a zone of a place, such as Europe/Vienna"
        ) from error
    with turn_to_prepare(settings):
        instance = settings.dagster_home / INSTANCE.name
        content = instance_file(settings.dagster_home)
        # Only where it differs: a daemon that runs may read it at any moment.
        if not instance.exists() or instance.read_bytes() != content:
            replace_file(instance, content)
        _try_records(settings.dagster_home)
        _limit_pool(settings.dagster_home)
        keep_manifest(settings)


def _try_records(dagster_home: Path) -> None:
    """Read a little of each database of Dagster."""
    for name in RECORDS:
        path = dagster_home / name
        try:
            is_begun = path.exists() and _select(path, "select count(*) from sqlite_master")[0][0]
            if name == INDEX and not (is_begun and _select(path, STAMPED)[0][0]):
                # Dagster makes the others anew by itself. This one it leaves without tables, once
                # the file is there.
                path.unlink(missing_ok=True)
        except sqlite3.DatabaseError as error:
            folder = dagster_home / Path(name).parts[0]
            raise NotPrepared(
                f"{path} cannot be read ({error}): move the folder {folder} away and start again. "
                "Dagster then begins a new record of its runs; it holds no event and no figure"
            ) from error


def _select(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def _limit_pool(dagster_home: Path) -> None:
    """Give the pool its limit where it has none yet.

    The daemon would only note it while it looks at the first runs that want the pool, and let all
    of these through.
    """
    path = dagster_home / INDEX
    limit = f"select count(*) from concurrency_limits where concurrency_key = '{POOL}'"
    if path.exists() and _select(path, limit)[0][0]:
        return
    # Takes a second, which every later start and run does without.
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        # What lies before others and has no record yet, Dagster's UI asks about: whoever starts
        # the first nightly run there would be warned of an asset that the load itself marks.
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dg.AssetKey(RECEIVED_DAYS), description="The home was made; no day is loaded yet."
            )
        )
