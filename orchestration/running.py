"""A job once, in this process: what `python -m orchestration nightly` and `run` do."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import dagster as dg

from ingestion.settings import Settings
from orchestration.prepare import prepare
from orchestration.seeds_checked import refuse_mistakes

#: `failures` says what went wrong, in a line; the UI has every step, with its trace.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(
    settings: Settings, name: str, config: Mapping[str, Any] | None = None, day: str | None = None
) -> dg.ExecuteInProcessResult:
    """Run a job of the definitions when its turn has come; it shows in the UI like any other.

    ``config`` is that of the job's one op; ``day`` the received day of a job of days. Raises
    nothing for a failed step: ask the result. Raises MistakenSeeds and NotPrepared at once, and
    DagsterInvalidConfigError for a config that the job does not take.
    """
    refuse_mistakes(settings)
    prepare(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    # Definitions read dbt's manifest, which `prepare` has just made.
    from orchestration.definitions import defs
    from orchestration.turns import turn_of_a_terminal

    job = defs.resolve_job_def(name)
    run_config: dict[str, Any] = dict(QUIET)
    if config:
        # A repairing job has one op; one of assets takes the config of its build.
        ops = [node.name for node in job.nodes]
        run_config["ops"] = {ops[0] if len(ops) == 1 else "build": {"config": dict(config)}}
    with (
        dg.DagsterInstance.get() as instance,
        turn_of_a_terminal(settings, instance, lambda said: print(said, file=sys.stderr)),
    ):
        return job.execute_in_process(
            instance=instance, raise_on_error=False, run_config=run_config, partition_key=day
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


def notes(result: dg.ExecuteInProcessResult) -> list[str]:
    """What the ops of a repairing job say of their work; what assets say stands in the UI."""
    assets = {event.step_key for event in result.all_events if event.is_step_materialization}
    lines = []
    for event in result.all_events:
        if event.event_type_value == "STEP_OUTPUT" and event.step_key not in assets:
            for name, value in event.step_output_data.metadata.items():
                lines.append(
                    value.md_str
                    if isinstance(value, dg.MarkdownMetadataValue)
                    else f"{name}: {value.value}"
                )
    return [line for line in lines if line]
