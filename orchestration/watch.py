"""The job that only checks, and so notices a nightly run that never began."""

from __future__ import annotations

import dagster as dg

from ingestion.settings import get_settings
from orchestration.checks.asset_checks import CHECKS

_settings = get_settings()

# It waits in the queue while another run has the pool. It skips what it cannot read while a writer
# that Dagster does not know has the warehouse.
watch = dg.define_asset_job(
    "watch",
    selection=dg.AssetSelection.checks(*CHECKS),
    executor_def=dg.in_process_executor,
    description="Try every claim about the data, load nothing.",
)

watch_schedule = dg.ScheduleDefinition(
    name="watch_schedule",
    job=watch,
    cron_schedule=_settings.watch_cron,
    execution_timezone=_settings.nightly_time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
