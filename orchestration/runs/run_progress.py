"""The progress of a run: a line for each step that begins, and one for how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import dagster as dg

from ingestion.settings import Settings
from transformation.current import UNCHANGED

#: Step of a job → what it does. A repair job has one step, with the name of the job.
AT = {
    "load": "loading what has landed",
    "build": "building and testing the models",
    "foresee": "learning and judging the scores",
    "published__footfall": "publishing",
    "check_arrivals": "checking what arrived",
    "check_answers": "checking what is published",
}
EVENTS = dg.AssetKey(["raw", "events"])
PUBLISHED = dg.AssetKey(["published", "footfall"])
#: What Dagster raises if a step is interrupted.
INTERRUPTED = "DagsterExecutionInterruptedError"
#: The only events that are shown here; a run has some two thousand others.
TOLD = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}
OVER = {
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "ended before it was done",
}


def progress(event: dg.DagsterEvent) -> str | None:
    """The line for an event that shows progress; None for nearly all events."""
    if event.is_step_start:
        return AT.get(event.step_key or "")
    if event.is_step_materialization and event.asset_key == PUBLISHED:
        of = event.step_materialization_data.materialization.metadata
        return "nothing has changed: what is published stays as it is" if UNCHANGED in of else None
    if event.is_step_materialization and event.asset_key == EVENTS and event.partition is None:
        of = event.step_materialization_data.materialization.metadata
        if "files" in of:
            counts = {name: of[name].value for name in ("files", "events", "refused", "bad_lines")}
            shown = [f"{counts[each]:,} {each}" for each in ("files", "events")]
            shown += [
                f"{counts[each]:,} {words}"
                for each, words in (("refused", "refused"), ("bad_lines", "unreadable lines"))
                if counts[each]
            ]
            return f"loaded {', '.join(shown)}"
    return None


def failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """One line for each failed step and each failed check, saying what failed."""
    lines = []
    for event in events:
        if event.is_step_failure:
            failed = event.step_failure_data
            cause = failed.error.cause if failed.error and failed.error.cause else failed.error
            said = failed.user_failure_data and failed.user_failure_data.description
            said = said or (cause.message if cause else "failed")
            if failed.error and failed.error.cls_name == INTERRUPTED:
                said = "it was told to end (SIGTERM, Ctrl-C, or in the UI); run it again"
            lines.append(f"{event.step_key}: {said.strip()}")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed:
                key = check.asset_check_key
                seen = f": {check.description}" if check.description else ""
                lines.append(
                    f"{check.severity.value}: {key.name} on {key.asset_key.to_user_string()}{seen}"
                )
    return lines


class RunsFollowed:
    """Follows the runs of an instance, each from its start to its end."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        """Follow the runs that begin from now on."""
        self._settings = settings
        self._instance = instance
        self._since = datetime.now(UTC)
        self._told: dict[str, int] = {}
        self._over: set[str] = set()

    def news(self) -> Iterator[str]:
        """What happened since the last call."""
        began = dg.RunsFilter(created_after=self._since)
        for run in reversed(self._instance.get_runs(began)):
            if run.run_id not in self._over:
                yield from self._news_of(run)

    def _news_of(self, run: dg.DagsterRun) -> Iterator[str]:
        # The state was read first, so the events that led to it are in the record by now.
        if run.run_id not in self._told:
            self._told[run.run_id] = 0
            yield f"{run.job_name}  {self._settings.ui_url}/runs/{run.run_id}"
        entries = self._instance.all_logs(run.run_id, of_type=TOLD)
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        for event in events[self._told[run.run_id] :]:
            if line := progress(event):
                yield f"{run.job_name}  {line}"
        self._told[run.run_id] = len(events)
        if run.status in OVER:
            self._over.add(run.run_id)
            for line in failures(events):
                yield f"{run.job_name}  {line}"
            yield f"{run.job_name}  {OVER[run.status]}"
