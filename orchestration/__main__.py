"""`python -m orchestration prepare | nightly | up | alert-test`."""

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
    commands.add_parser("alert-test", help="send a test message to FOOTFALL_ALERT_URLS")
    command = parser.parse_args().command
    settings = get_settings()
    logging.getLogger("dagster").setLevel(logging.WARNING)
    try:
        if command == "prepare":
            prepare(settings)
            return 0
        if command == "up":
            from orchestration.up import serve

            return serve(settings)
        if command == "alert-test":
            from orchestration.alerts import send_test

            return 0 if send_test(settings) else 1
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
