"""Runs a job once in this process, as `python -m orchestration nightly` and `run` do."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any
from uuid import uuid4

import dagster as dg

from ingestion.settings import Settings
from orchestration.definition_files import refuse_mistakes
from orchestration.prepare import prepare
from orchestration.runs.run_log import kept_in

#: `failures` says in a line what went wrong; the UI shows every step with its traceback.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_job(
    settings: Settings,
    name: str,
    config: Mapping[str, Any] | None = None,
    day: str | None = None,
    *,
    is_verbose: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run a job when its turn has come; the UI shows the run like any other.

    The terminal gets a line for each step, and a log gets the output of dbt and the others; with
    ``is_verbose`` the terminal gets all of it. ``config`` is that of the job's one op. ``day`` is
    the received day, for a job of days. A failed step raises nothing: look at the result. Raises
    MistakenSeeds and NotPrepared at once, and DagsterInvalidConfigError for a config that the job
    does not accept.
    """
    refuse_mistakes(settings)
    prepare(settings)
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    # Definitions read dbt's manifest, which `prepare` has just made.
    from orchestration.definitions import defs
    from orchestration.runs.run_progress import progress
    from orchestration.runs.run_queue import turn_of_a_terminal

    job = defs.resolve_job_def(name)
    run_config: dict[str, Any] = dict(QUIET)
    if config:
        # A repair job has one op. A job of assets takes the config of its build.
        ops = [node.name for node in job.nodes]
        run_config["ops"] = {ops[0] if len(ops) == 1 else "build": {"config": dict(config)}}
    with (
        dg.DagsterInstance.get() as instance,
        turn_of_a_terminal(settings, instance, lambda said: print(said, file=sys.stderr)),
        nullcontext(sys.stdout) if is_verbose else kept_in(settings, name) as terminal,
        _signals_noted() as has_been_told_to_end,
    ):
        run_id = str(uuid4())

        def show(entry: dg.EventLogEntry) -> None:
            if event := entry.dagster_event:
                if line := progress(event):
                    terminal.write(f"{name}  {line}\n")
                if event.is_step_start and has_been_told_to_end():
                    signal.raise_signal(signal.SIGTERM)

        instance.add_event_listener(run_id, show)
        return job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config=run_config,
            partition_key=day,
            run_id=run_id,
        )


@contextmanager
def _signals_noted() -> Iterator[Callable[[], bool]]:
    """Notice SIGTERM and SIGINT whoever handles them; yields a function: whether one has come.

    dlt sets its own handlers while it loads, and loses a signal that comes as its work ends. The
    run would then go on to its end.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        former = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        came: set[int] = set()

        def has_come() -> bool:
            with suppress(BlockingIOError):
                came.update(ours.recv(1024))
            return bool(came & {signal.SIGTERM, signal.SIGINT})

        try:
            yield has_come
        finally:
            signal.set_wakeup_fd(former)


def notes(result: dg.ExecuteInProcessResult) -> list[str]:
    """The output metadata of a repair job's ops, as lines; that of assets is in the UI."""
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
