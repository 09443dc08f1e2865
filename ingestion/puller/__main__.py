"""``python -m ingestion.puller [NAME…]``: pull what other tools received, as pulls.yml says.

It can be run at any time and any number of times: what is in the landing is not landed again.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from ingestion.facts.disk import lock, make_folders
from ingestion.importer.__main__ import main as import_files
from ingestion.puller.definitions import FILE, Pull, read_pulls
from ingestion.puller.pulling import PullFailed, pull
from ingestion.settings import Settings, get_settings


def main(arguments: list[str] | None = None) -> int:
    """Pull; 0 done, 1 a pull failed or is left out, 2 a wrong argument.

    A pull that fails does not keep the next one from being made.
    """
    parser = argparse.ArgumentParser(prog="python -m ingestion.puller", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"pulls of {FILE} (all)")
    chosen = parser.parse_args(arguments)
    settings = get_settings()
    pulls, problems = read_pulls(settings.home)
    if unknown := [name for name in chosen.names if name not in [each.name for each in pulls]]:
        known = ", ".join(each.name for each in pulls) or "none"
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        parser.error(f"{settings.home / FILE} has no {unknown[0]}; it has {known}")
    asked = [each for each in pulls if not chosen.names or each.name in chosen.names]
    if not asked and not problems:
        sys.stdout.write(f"nothing to pull: {settings.home / FILE} names no source\n")
    problems += pull_all(settings, asked)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def pull_all(settings: Settings, pulls: list[Pull]) -> list[str]:
    """Make these pulls, one after the other; what went wrong, a line for each that failed."""
    problems: list[str] = []
    folder = settings.home / "pulls"
    make_folders(folder, root=settings.home)
    fd = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        if not lock(fd):
            return ["another pull is running on this home; wait until it is done"]
        for one in pulls:
            key = settings.pull_keys.get(one.name)
            if key is None:
                form = one.vendor.key_form
                problems.append(f"{one.name}: FOOTFALL_PULL_KEYS has no {one.name}={form}")
                continue
            moment = datetime.now(UTC)
            try:
                for line in pull(one, key.get_secret_value(), settings.home, moment, _import):
                    sys.stdout.write(f"{line}\n")
            except (PullFailed, OSError) as problem:
                problems.append(str(problem))
    finally:
        os.close(fd)
    return problems


def _import(rows: Path, one: Pull) -> bool:
    arguments = [one.from_, str(rows), "--source", one.source or one.name]
    if one.from_ == "mixpanel":
        arguments += ["--time-zone", one.time_zone or "UTC"]
    return import_files(arguments) == 0


if __name__ == "__main__":
    sys.exit(main())
