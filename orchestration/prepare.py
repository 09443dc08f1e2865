"""What must exist before Dagster starts: the folders, its instance and dbt's manifest."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import duckdb

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from transformation.definition import zone_rules
from transformation.manifest import NotPrepared, keep_manifest, turn_to_prepare

INSTANCE = Path(__file__).with_name("dagster.yaml")
#: Where Dagster's event log is, in its home.
EVENTS = "history/runs"
#: One pool for everything that writes to the warehouse; dagster.yaml limits it to one run.
POOL = "warehouse"
#: The asset of the received days, whose partitions `rebuild_days` takes.
RECEIVED_DAYS = ("raw", "received_days")
#: Modules of the extra `spark`, without which nothing is built on a cluster.
CLUSTER_LIBRARIES = ("dbt.adapters.spark", "pyhive", "pyiceberg")


def instance_file(dagster_home: Path) -> bytes:
    """The dagster.yaml of a home: that of the checkout, with the path of the home filled in."""
    # A JSON string is also a YAML string.
    return INSTANCE.read_bytes().replace(
        f"DAGSTER_HOME/{EVENTS}".encode(), json.dumps(str(dagster_home / EVENTS)).encode()
    )


def prepare(settings: Settings) -> None:
    """Make what is missing, damaged or out of date; cheap if nothing is.

    Processes that start together take turns, so none reads what another is still writing. Raises
    NotPrepared, which says what to do, if the home cannot be written or read, the project does not
    parse, the engine does not know the reporting time zone, or its libraries are missing.
    """
    if settings.engine == "spark" and not all(map(find_spec, CLUSTER_LIBRARIES)):
        raise NotPrepared(
            "FOOTFALL_ENGINE is spark, and this Python lacks dbt-spark, PyHive or pyiceberg: "
            "install the extra spark of this project (docs/scale.md), or leave the variable out"
        )
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
        # Written only if it differs, because a running daemon may read it at any moment.
        if not instance.exists() or instance.read_bytes() != content:
            replace_file(instance, content)
        _try_records(settings.dagster_home)
        _limit_pool(settings.dagster_home)
        keep_manifest(settings)


def _try_records(dagster_home: Path) -> None:
    """Read a little of each database of Dagster."""
    from orchestration.dagster_internals import unreadable_record

    if unreadable := unreadable_record(dagster_home):
        path, error = unreadable
        folder = dagster_home / path.relative_to(dagster_home).parts[0]
        raise NotPrepared(
            f"{path} cannot be read ({error}): move the folder {folder} away and start again. "
            "Dagster then begins a new record of its runs; it holds no event and no figure"
        ) from error


def _limit_pool(dagster_home: Path) -> None:
    """Give the pool its limit in a new home."""
    import dagster as dg

    from orchestration.dagster_internals import limit_pool

    if limit_pool(dagster_home, POOL):
        # Dagster's UI warns of upstream assets without a record. Whoever starts the first nightly
        # run there would be warned about an asset that the load itself records.
        with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    dg.AssetKey(RECEIVED_DAYS),
                    description="The home was made; no day is loaded yet.",
                )
            )
