"""``python -m ingestion.exporter segment|parquet FOLDER``: your events, for any other tool.

The events of a range of days are written as Segment's NDJSON or as Parquet.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from ingestion.exporter.reading import Read, events
from ingestion.exporter.writing import FORMATS, write
from ingestion.landing.store import LandingUnusable
from ingestion.settings import get_settings


def main(arguments: list[str] | None = None) -> int:
    """Export; 0 done, 1 the landing or the disk failed, 2 a wrong argument or setting."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.exporter", description=__doc__)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    for name, default in (("first", date.min), ("last", date.max)):
        parser.add_argument(
            f"--{name}",
            type=date.fromisoformat,
            default=default,
            metavar="YYYY-MM-DD",
            help=f"{name} day of receipt, in UTC",
        )
    parser.add_argument("--source", help="only of this source")
    chosen = parser.parse_args(arguments)
    settings = get_settings()
    read = Read()
    try:
        chosen.folder.mkdir(parents=True, exist_ok=True)
        if any(chosen.folder.iterdir()):
            parser.error(f"{chosen.folder} is not empty: name another folder, or empty it")
        lines = events(settings, chosen.first, chosen.last, chosen.source, read)
        for path in write(lines, chosen.folder, chosen.format):
            sys.stderr.write(f"{path}: {read.events:,} events so far\n")
    except LandingUnusable as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except OSError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sources = ", ".join(sorted(read.sources)) or "no source"
    sys.stdout.write(f"{read.events:,} events of {sources}\n")
    if read.bad_lines:
        sys.stdout.write(f"{read.bad_lines:,} lines are no events; raw.bad_lines tells why\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
