"""The sensors that start a run when events arrive, and that report dead runs as failed."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from ingestion.landing.digest import LandingDigest
from ingestion.landing.storage import local_folder
from ingestion.landing.store import LandingUnusable
from ingestion.settings import Settings, get_settings
from orchestration.debounce import MAX_QUIET_PERIODS, Look
from orchestration.jobs import nightly
from orchestration.runs import run_queue
from orchestration.runs.arrival_runs import SENSOR, Failures, forget_old_runs, is_going

#: Seconds between two looks at a landing on the local disk.
LOOK_SECONDS = 10
#: The same for a landing where each look is a listing that costs money.
REMOTE_LOOK_SECONDS = 60
#: Seconds between two looks at the active runs, mostly none.
RUNS_LOOK_SECONDS = 30

_settings = get_settings()
_landing = LandingDigest(_settings)


def status_by_default(settings: Settings) -> dg.DefaultSensorStatus:
    """The status of landing_sensor until somebody turns it on or off in the UI."""
    if settings.run_on_arrival:
        return dg.DefaultSensorStatus.RUNNING
    return dg.DefaultSensorStatus.STOPPED


@dg.sensor(
    name=SENSOR,
    job=nightly,
    minimum_interval_seconds=(
        LOOK_SECONDS if local_folder(_settings.landing) else REMOTE_LOOK_SECONDS
    ),
    default_status=status_by_default(_settings),
    description=(
        "Runs the job nightly once events have arrived and then none for FOOTFALL_QUIET_SECONDS, "
        f"or after {MAX_QUIET_PERIODS} times as long where they never rest. Asks for nothing while "
        "such a run waits or works, and ever more rarely while they fail. "
        "FOOTFALL_RUN_ON_ARRIVAL=false turns it off."
    ),
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Request a run when new files have arrived and the landing is quiet, one run at a time."""
    now = datetime.now(UTC).timestamp()
    if is_going(context.instance, nightly.name):
        # Files that arrive meanwhile are looked at afterwards, so there is a pause between runs.
        return dg.SkipReason("a run waits or works")
    failures = Failures.of(context.instance, nightly.name)
    if failures.over_at > now:
        over_at = datetime.fromtimestamp(failures.over_at, UTC)
        return dg.SkipReason(
            f"the last run failed: the next try is {over_at:%H:%M} UTC, or when you run nightly"
        )
    try:
        files = _landing.now()
    except LandingUnusable as away:
        return dg.SkipReason(str(away))
    last = Look.from_json(context.cursor or "")
    if failures.interrupted:
        # The run was ended with `make up` or with the machine, so its files still wait.
        last = replace(last, asked_for="")
    look = last.after(files, now, _settings.quiet_seconds)
    if look.asked_for == last.asked_for:
        context.update_cursor(look.to_json())
        is_known = look.files == look.asked_for
        return dg.SkipReason("nothing new" if is_known else "events are still arriving")
    forget_old_runs(_settings, context.instance)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=look.asked_for + failures.interrupted)],
        cursor=look.to_json(),
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
    """Report dead runs as failed, so that none keeps the warehouse."""
    dead = run_queue.fail_dead_runs(_settings, context.instance)
    return dg.SkipReason(f"runs that had died: {dead}")
