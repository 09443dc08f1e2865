"""`python -m orchestration …`: one-off commands and services; `--help` lists the commands."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from ingestion.settings import Settings, get_settings
from orchestration.definition_files import MistakenSeeds, refuse_mistakes
from orchestration.prepare import prepare
from orchestration.serving import CODE, DAEMON, WEBSERVER, become
from transformation.manifest import NotPrepared

NIGHTLY = "nightly"
METRICFLOW = "mf"
REBUILD_DAYS = "rebuild_days"


class WrongArgument(ValueError):
    """An argument that is not valid; the message says what to write."""


def main() -> int:
    """Run one command and return its exit code: 0 done, 1 something failed, 2 a wrong argument."""
    command, arguments = sys.argv[1:2], sys.argv[2:]
    # What follows is MetricFlow's to understand.
    options = _parser().parse_args(command if command == [METRICFLOW] else None)
    settings = get_settings()
    logging.getLogger("dagster").setLevel(logging.WARNING)
    try:
        if options.command == METRICFLOW:
            from orchestration.metricflow_command import run as ask_metrics

            return ask_metrics(settings, arguments)
        if options.command == "prepare":
            refuse_mistakes(settings)
            prepare(settings)
            return 0
        if options.command == "up":
            from orchestration.up import serve

            return serve(settings)
        if options.command == "alert-test":
            from orchestration.alerts.channels import send_test

            return 0 if send_test(settings) else 1
        if options.command == "erase-person":
            from orchestration.erasure.erase_command import run

            return run(settings, options)
        if options.command in (CODE, DAEMON, WEBSERVER):
            become(settings, options.command)
        if options.command == NIGHTLY:
            return _run(settings, NIGHTLY, {}, None, options.verbose)
        return _run(settings, options.job, _config(options.set), options.day, options.verbose)
    except (NotPrepared, MistakenSeeds, WrongArgument) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="judge the seeds; make folders, dagster.yaml, manifest")
    night = commands.add_parser(NIGHTLY, help="load, build, check and publish once")
    run = commands.add_parser("run", help="any job once, as from the UI's launchpad")
    run.add_argument("job", help="its name, such as full_refresh (docs/operations.md)")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="its config")
    run.add_argument("--day", help="received day of rebuild_days, YYYY-MM-DD")
    for each in (night, run):
        each.add_argument(
            "--verbose", action="store_true", help="show what dbt says; without, it is in the log"
        )
    commands.add_parser("up", help="serve the collector and Dagster's UI until Ctrl-C")
    erasing = commands.add_parser(
        "erase-person", help="take a person out of everything, for good: docs/erasure.md"
    )
    whom = erasing.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user-id", help="whom; - reads it from standard input")
    whom.add_argument("--anonymous-id", help="the device of whom; - reads it likewise")
    whom.add_argument("--subject", help="the hash that an earlier attempt, or its receipt, gave")
    erasing.add_argument("--dry-run", action="store_true", help="count what would go")
    commands.add_parser(METRICFLOW, help="MetricFlow on what is published: docs/semantic-layer.md")
    commands.add_parser("alert-test", help="send a test message to FOOTFALL_ALERT_URLS")
    commands.add_parser(CODE, help="on a server: have the definitions and the runs")
    commands.add_parser(DAEMON, help="on a server: keep schedule, sensors and queue")
    commands.add_parser(WEBSERVER, help="on a server: serve Dagster's UI")
    return parser


def _config(pairs: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE, the value read as YAML: 30, true, [a, b], text."""
    config = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise WrongArgument(f"--set {pair}: write KEY=VALUE, such as dry_run=false")
        config[key] = yaml.safe_load(value)
    return config


def _run(
    settings: Settings, job: str, config: dict[str, Any], day: str | None, is_verbose: bool
) -> int:
    from dagster import DagsterInvalidConfigError, DagsterInvariantViolationError

    from orchestration.running import notes, run_job
    from orchestration.runs.run_log import log_path
    from orchestration.runs.run_progress import failures

    if job == REBUILD_DAYS:
        from orchestration.received_days import day_mistake

        if mistake := day_mistake(day, datetime.now(UTC).date(), settings):
            raise WrongArgument(f"{job}: {mistake}")
    try:
        result = run_job(settings, job, config, day, is_verbose=is_verbose)
    except DagsterInvalidConfigError as error:
        problems = "\n".join(f"{job}: {each.message}" for each in error.errors)
        raise WrongArgument(problems) from None
    except DagsterInvariantViolationError as error:
        raise WrongArgument(str(error).splitlines()[0]) from None
    for line in failures(result.all_events):
        sys.stderr.write(f"{line}\n")
    for line in notes(result):
        sys.stdout.write(f"{line}\n")
    if not result.success:
        sys.stderr.write(f"{job} failed\n")
    if result.success and job == NIGHTLY:
        sys.stdout.write(f"published {settings.published}\n")
    if not is_verbose:
        sys.stdout.write(f"log {log_path(settings, job)}\n")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
