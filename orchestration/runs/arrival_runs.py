"""The runs that landing_sensor asks for: when the next may come, and how many are remembered.

A site with steady traffic has more than a thousand a day, each with 3 MB of records in Dagster's
databases, where a nightly run alone would have one.
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
#: The newest are kept: two hours of steady traffic, a week of a quiet site, 300 MB.
KEPT_RUNS: Final = 100
#: Deleted at once at most, some ten milliseconds each: a look may take a minute.
FORGOTTEN_AT_ONCE: Final = 50
#: Seconds until the next try after a failed run, doubled with each one more. Whatever ails a run
#: mostly ails the next one too, and each is an alert.
FIRST_PAUSE_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0
#: Failures that are told apart: the pause is at its longest by then.
COUNTED_FAILURES: Final = 8


def is_going(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of the job waits or works."""
    statuses = [dg.DagsterRunStatus.QUEUED, *GOING]
    return bool(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=statuses)))


@dataclass(frozen=True)
class Failures:
    """How the last runs of a job ended, as far as they failed: the newest decides.

    ``over_at`` is when it may be tried again, in seconds since 1970; 0 where the last one went
    well, or was told to end.
    """

    over_at: float = 0.0
    interrupted: str = ""

    @staticmethod
    def of(instance: dg.DagsterInstance, job: str) -> Failures:
        """Those of an instance."""
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
    """Whether a step was told to end, as by Ctrl-C."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    errors = [
        entry.dagster_event.step_failure_data.error for entry in entries if entry.dagster_event
    ]
    return any(error and error.cls_name == INTERRUPTED for error in errors)


def forget_old_runs(settings: Settings, instance: dg.DagsterInstance) -> int:
    """Delete all but the newest runs that the sensor asked for, with their records; how many."""
    asked_for = dg.RunsFilter(tags=asked_for_by(SENSOR), statuses=FINISHED)
    old = instance.get_run_ids(asked_for, limit=KEPT_RUNS + FORGOTTEN_AT_ONCE)[KEPT_RUNS:]
    for run_id in old:
        delete_logs(settings, run_id)
        # The newest mark of a received day stays: the UI tells by it that the day is loaded.
        delete_run(instance, run_id, keep_marks_of=dg.AssetKey(RECEIVED_DAYS))
    return len(old)
