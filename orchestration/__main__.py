"""`python -m orchestration prepare | nightly | up | erase-person`."""

from __future__ import annotations

import argparse
import logging
import sys

from ingestion.settings import get_settings
from orchestration.prepare import NotPrepared, prepare


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m orchestration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="make folders, dagster.yaml and dbt's manifest")
    commands.add_parser("nightly", help="load, build, check and publish once")
    commands.add_parser("up", help="serve the collector and Dagster's UI until Ctrl-C")
    erasing = commands.add_parser(
        "erase-person", help="take a person out of everything, for good: docs/erasure.md"
    )
    whom = erasing.add_mutually_exclusive_group(required=True)
    whom.add_argument("--user-id", help="whom; - reads it from standard input")
    whom.add_argument("--anonymous-id", help="the device of whom; - reads it likewise")
    whom.add_argument("--subject", help="the hash that an earlier attempt, or its receipt, gave")
    erasing.add_argument(
        "--dry-run", action="store_true", help="count what would go, erase nothing"
    )
    options = parser.parse_args()
    command = options.command
    settings = get_settings()
    logging.getLogger("dagster").setLevel(logging.WARNING)
    try:
        if command == "prepare":
            prepare(settings)
            return 0
        if command == "up":
            from orchestration.up import serve

            return serve(settings)
        if command == "erase-person":
            from orchestration.erase_command import run

            return run(settings, options)
        from orchestration.nightly import failures, run_nightly

        result = run_nightly(settings)
    except NotPrepared as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for line in failures(result):
        sys.stderr.write(f"{line}\n")
    if result.success:
        sys.stdout.write(f"published {settings.published}\n")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
