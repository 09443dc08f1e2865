"""The arguments of ``python -m ingestion.importer``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingestion.importer.formats.catalog import BY_NAME
from ingestion.importer.formats.columns import COLUMNS, ColumnsUnusable, read_columns
from ingestion.importer.totals import PLAUSIBLE
from ingestion.senders import SOURCE, SOURCE_FORM


def argument_parser() -> argparse.ArgumentParser:
    """The parser of the arguments; each must make sense alone."""
    parser = argparse.ArgumentParser(
        prog="python -m ingestion.importer",
        description="The exports of other tools become history here. Again is nothing new.",
    )
    names = (*BY_NAME, PLAUSIBLE)
    parser.add_argument("format", choices=names, metavar="FORMAT", help=", ".join(names))
    parser.add_argument("files", nargs="+", metavar="FILES", help="paths, URLs or patterns")
    parser.add_argument(
        "--source", type=_source, help="the source of the events (the name of the format)"
    )
    parser.add_argument("--time-zone", type=_zone, metavar="ZONE", help="such as Europe/Berlin")
    parser.add_argument(
        "--columns", type=_columns, metavar="TOML", help=f"which column is what, for {COLUMNS.name}"
    )
    parser.add_argument("--dry-run", action="store_true", help="count and show, and land nothing")
    return parser


def _source(name: str) -> str:
    if not SOURCE.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{name!r} is no source: it must be {SOURCE_FORM}")
    return name


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(
            f"{name} is no time zone; write a name such as Europe/Berlin or UTC"
        ) from None


def _columns(path: str) -> Mapping[str, Mapping[str, str]]:
    try:
        return read_columns(Path(path))
    except ColumnsUnusable as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
