"""Everything Dagster knows, by name."""

from __future__ import annotations

# This import comes before all that import dagster-dbt.
import orchestration.without_dbt  # noqa: F401

# isort: split
import os

import dagster as dg
from dagster_dlt import DagsterDltResource

from ingestion.settings import get_settings
from orchestration.alerts.alert_sensors import ALERT_SENSORS
from orchestration.assets import landing_segments, model_assets, published_footfall, raw_assets
from orchestration.checks.asset_checks import CHECKS
from orchestration.conversion_assets import conversion_assets
from orchestration.dbt_resource import InstalledDbt
from orchestration.erasure.erase_job import erase_person
from orchestration.jobs import (
    full_refresh,
    load_and_build,
    nightly,
    rebuild_days,
    reload_files_job,
    replay_quarantine_job,
    sweep_job,
    verify_exactness_job,
)
from orchestration.parquet_asset import published_parquet
from orchestration.pull import pull_job, pull_schedule
from orchestration.received_days import received_days
from orchestration.report_asset import daily_report
from orchestration.sensors import fail_dead_runs, landing_sensor
from orchestration.serving import CHECKOUT
from orchestration.watch import watch, watch_schedule
from transformation.dbt_command import DBT, dbt_environment

settings = get_settings()
# dbt reads its own variables; the child processes that Dagster starts for it inherit them.
os.environ.update(dbt_environment(settings))

#: Schema → the page that describes its assets.
DOCUMENTS = {
    "landing": "durability.md",
    "raw": "architecture.md",
    "seeds": "metrics.md",
    "staging": "metrics.md",
    "intermediate": "metrics.md",
    "marts": "metrics.md",
    "conversion": "conversion.md",
    "published": "asking.md",
    "reports": "explorer.md",
}


def signed(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Add to an asset whom to ask about it, and its page in the docs."""
    document = CHECKOUT / "docs" / DOCUMENTS[spec.key.path[0]]
    return spec.replace_attributes(owners=[settings.owner]).merge_attributes(
        metadata={"documentation": dg.MetadataValue.path(str(document))}
    )


nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=settings.nightly_cron,
    execution_timezone=settings.nightly_time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

# The hourly runs of `watch` pile up. Landed files stay: only a person may decide to delete them.
sweep_schedule = dg.ScheduleDefinition(
    name="sweep_schedule",
    job=sweep_job,
    run_config={"ops": {"sweep": {"config": {"run_days": settings.run_days, "dry_run": False}}}},
    cron_schedule=settings.sweep_cron,
    execution_timezone=settings.nightly_time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        signed,
        [
            landing_segments,
            raw_assets,
            received_days,
            model_assets,
            conversion_assets,
            published_footfall,
            *published_parquet,
            daily_report,
        ],
    ),
    asset_checks=CHECKS,
    jobs=[
        nightly,
        load_and_build,
        full_refresh,
        rebuild_days,
        erase_person,
        reload_files_job,
        replay_quarantine_job,
        pull_job,
        verify_exactness_job,
        sweep_job,
        watch,
    ],
    schedules=[nightly_schedule, watch_schedule, sweep_schedule, pull_schedule],
    sensors=[landing_sensor, fail_dead_runs, *ALERT_SENSORS],
    resources={
        "dlt": DagsterDltResource(),
        "dbt": InstalledDbt(
            project_dir=str(settings.dbt_project),
            profiles_dir=str(settings.dbt_project),
            dbt_executable=DBT,
        ),
    },
)
