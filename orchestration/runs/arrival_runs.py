"""The runs that landing_sensor requests: when the next may start, and how many are kept.

A site with steady traffic has more than a thousand a day, each with 3 MB of records in Dagster's
databases. A site with only the nightly run has one a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import dagster as dg

from ingestion.settings import Settings
from orchestration.dagster_internals import asked_for_by, delete_run
from orchestration.prepare import RECEIVED_DAYS
from orchestration.runs.run_progress import INTERRUPTED
from orchestration.runs.run_queue import GOING
from orchestration.runs.sweeping import FINISHED, delete_logs

SENSOR: Final = "landing_sensor"
#: Runs kept, the newest: two hours of steady traffic, a week of a quiet site, 300 MB.
KEPT_RUNS: Final = 100
#: Most runs deleted at one tick, some ten milliseconds each: a tick may take a minute.
FORGOTTEN_AT_ONCE: Final = 50
#: Seconds until the next try after a failed run, doubled with each further failure. The cause
#: mostly makes the next run fail too, and each failure is an alert.
FIRST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
#: Most failures counted: the pause has its greatest length by then.
COUNTED_FAILURES: Final = 8


def is_going(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of the job is queued or running."""
    statuses = [dg.DagsterRunStatus.QUEUED, *GOING]
    return bool(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=statuses)))


@dataclass(frozen=True)
class Failures:
    """The failed runs of a job since its last success.

    ``over_at`` is when it may be tried again, in seconds since 1970; 0 if the last run succeeded or
    was interrupted. ``interrupted`` is the id of the last run if it was interrupted.
    """

    over_at: float = 0.0
    interrupted: str = ""

    @staticmethod
    def of(instance: dg.DagsterInstance, job: str) -> Failures:
        """Read them from an instance."""
        ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
        records = instance.get_run_records(
            dg.RunsFilter(job_name=job, statuses=ended), limit=COUNTED_FAILURES
        )
        failed = list(
            takewhile(lambda each: each.dagster_run.status == dg.DagsterRunStatus.FAILURE, records)
        )
        if not failed:
            return Failures()
        last = failed[0]
        if _was_interrupted(instance, last.dagster_run.run_id):
            return Failures(interrupted=last.dagster_run.run_id)
        ended_at: float = last.end_time or last.update_timestamp.timestamp()
        pause = FIRST_PAUSE_SECONDS * 2.0 ** (len(failed) - 1)
        return Failures(over_at=ended_at + min(LONGEST_PAUSE_SECONDS, pause))


def _was_interrupted(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a step was interrupted, for instance by Ctrl-C."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    errors = [
        entry.dagster_event.step_failure_data.error for entry in entries if entry.dagster_event
    ]
    return any(error and error.cls_name == INTERRUPTED for error in errors)


def forget_old_runs(settings: Settings, instance: dg.DagsterInstance) -> int:
    """Delete the runs that the sensor requested, except the newest, and count them."""
    asked_for = dg.RunsFilter(tags=asked_for_by(SENSOR), statuses=FINISHED)
    old = instance.get_run_ids(asked_for, limit=KEPT_RUNS + FORGOTTEN_AT_ONCE)[KEPT_RUNS:]
    for run_id in old:
        delete_logs(settings, run_id)
        # The newest mark of a received day stays: the UI needs it to show that the day is loaded.
        delete_run(instance, run_id, keep_marks_of=dg.AssetKey(RECEIVED_DAYS))
    return len(old)
