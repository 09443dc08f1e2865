"""The nightly job once, without a UI: what `make nightly` and the end-to-end tests run."""

from __future__ import annotations

import os

import dagster as dg

from ingestion.settings import Settings
from orchestration.prepare import prepare

JOB = "nightly"
#: `failures` says what went wrong; the UI has every step, with its stack traces.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_nightly(settings: Settings) -> dg.ExecuteInProcessResult:
    """Load, build, check and publish in this process; the run shows in the UI like any other.

    Raises nothing for a failed step: ask the result.
    """
    prepare(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    # Definitions read dbt's manifest, which `prepare` has just made.
    from orchestration.definitions import defs

    with dg.DagsterInstance.get() as instance:
        return defs.resolve_job_def(JOB).execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET
        )


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """One line for each failed step and each failed check, saying what failed."""
    lines = []
    for event in result.all_events:
        if event.is_step_failure:
            failed = event.step_failure_data
            cause = failed.error.cause if failed.error and failed.error.cause else failed.error
            said = failed.user_failure_data and failed.user_failure_data.description
            said = said or (cause.message if cause else "failed")
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
