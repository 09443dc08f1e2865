"""Everything Dagster knows, by name."""

from __future__ import annotations

import os

import dagster as dg
from dagster_dbt import DbtCliResource
from dagster_dlt import DagsterDltResource

from ingestion.settings import get_settings
from orchestration.assets import landing_segments, model_assets, published_footfall, raw_assets
from orchestration.checks import CHECKS
from orchestration.dbt_command import DBT, dbt_environment
from orchestration.erase_job import erase_person

settings = get_settings()
# dbt reads its own variables; the child processes that Dagster starts for it inherit them.
os.environ.update(dbt_environment(settings))

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="Load what has landed, build and check the models, publish the file people read.",
)

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=settings.nightly_cron,
    execution_timezone=settings.nightly_time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)

defs = dg.Definitions(
    assets=[landing_segments, raw_assets, model_assets, published_footfall],
    asset_checks=CHECKS,
    jobs=[nightly, erase_person],
    schedules=[nightly_schedule],
    resources={
        "dlt": DagsterDltResource(),
        "dbt": DbtCliResource(
            project_dir=str(settings.dbt_project),
            profiles_dir=str(settings.dbt_project),
            dbt_executable=DBT,
        ),
    },
)
