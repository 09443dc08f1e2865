"""The load when files arrive, for those who do not want to wait; and the end of runs that died."""

import hashlib
from datetime import UTC, datetime

import dagster as dg

from ingestion.loading.landing import Landing
from ingestion.settings import get_settings
from orchestration import turns
from orchestration.debounce import MAX_QUIET_PERIODS, Look
from orchestration.jobs import nightly

#: Seconds between two looks at the landing, a listing of its folders.
LOOK_SECONDS = 60
#: Seconds between two looks at the runs that are going, mostly none.
RUNS_LOOK_SECONDS = 30

_settings = get_settings()


def landed_files() -> str:
    """A digest of the names in the landing, which never change what they hold."""
    names = "\n".join(file.name for file in Landing(_settings.landing).files())
    return hashlib.sha256(names.encode()).hexdigest() if names else ""


@dg.sensor(
    job=nightly,
    minimum_interval_seconds=LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Runs the job nightly once files have arrived and then none for FOOTFALL_QUIET_SECONDS, "
        f"or after {MAX_QUIET_PERIODS} times as long where they never rest. Off unless you turn it "
        "on: for most questions the night is soon enough."
    ),
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run when the landing has new files and has come to rest."""
    now = datetime.now(UTC).timestamp()
    files = landed_files()
    last = Look.from_json(context.cursor or "")
    look = last.after(files, now, _settings.quiet_seconds)
    if look.asked_for == last.asked_for:
        context.update_cursor(look.to_json())
        is_known = look.files == look.asked_for
        return dg.SkipReason("no new files" if is_known else "files are still arriving")
    waiting = dg.RunsFilter(job_name=nightly.name, statuses=[dg.DagsterRunStatus.QUEUED])
    if context.instance.get_runs_count(waiting):
        # The run that waits will load these files too; asked again if it does not come to that.
        return dg.SkipReason("a run is queued already")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=look.asked_for)], cursor=look.to_json()
    )


@dg.sensor(
    name="fail_dead_runs",
    minimum_interval_seconds=RUNS_LOOK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Reports runs as failed that died together with the process that had the definitions, or "
        "in a terminal. Turned off, such a run keeps every other waiting until somebody ends it."
    ),
)
def fail_dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Let no dead run keep the warehouse."""
    dead = turns.fail_dead_runs(_settings, context.instance)
    return dg.SkipReason(f"runs that had died: {dead}")
