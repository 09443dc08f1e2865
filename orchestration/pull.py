"""The job that pulls what other tools received, and its schedule."""

import dagster as dg

from ingestion.puller.__main__ import pull_all
from ingestion.puller.definitions import FILE, read_pulls
from ingestion.settings import get_settings
from orchestration.plain_failures import plainly

_settings = get_settings()


@dg.op(description=f"Pull what {FILE} in the home names; the next nightly loads it.")
def pull_op(context: dg.OpExecutionContext) -> None:
    """Pull all that is due; fail after the last pull if one failed."""
    settings = get_settings()
    with plainly():
        pulls, problems = read_pulls(settings.home)
        problems += pull_all(settings, pulls)
        if problems:
            raise dg.Failure("\n".join(problems), allow_retries=False)
    context.log.info(f"{len(pulls)} pulls")


@dg.job(name="pull", executor_def=dg.in_process_executor)
def pull_job() -> None:
    """Pull what other tools received, as pulls.yml in the home says (docs/import.md)."""
    pull_op.alias("pull")()


# Without the file there is nothing to do every hour.
pull_schedule = dg.ScheduleDefinition(
    name="pull_schedule",
    job=pull_job,
    cron_schedule=_settings.pull_cron,
    execution_timezone=_settings.nightly_time_zone,
    default_status=(
        dg.DefaultScheduleStatus.RUNNING
        if (_settings.home / FILE).exists()
        else dg.DefaultScheduleStatus.STOPPED
    ),
)
