"""``python -m ingestion.importer FORMAT FILES…``: the exports of other tools become history here.

Files are paths, URLs or patterns, compressed as they come. Running it again lands nothing twice.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingestion.facts.lines import BadLine
from ingestion.facts.printing import printable
from ingestion.importer.formats.catalog import BY_NAME, FORMATS
from ingestion.importer.formats.columns import COLUMNS, ColumnsUnusable, read_columns
from ingestion.importer.formats.format import Format, Options
from ingestion.importer.mapping import Tally
from ingestion.importer.parts import Part, cut, landed_names, only_import, part_names, worked
from ingestion.importer.reading import File, ImportFailed, found, on_disk, records
from ingestion.landing.store import LandingUnusable
from ingestion.protocols.fields import Refused, decode_event
from ingestion.settings import Settings, get_settings

#: Records at the beginning of a file by which it is known.
LOOKED_AT: Final = 100
#: Rows of a table that a dry run prints.
SHOWN: Final = 40


def main(arguments: list[str] | None = None) -> int:
    """Import; 0 done, 1 a file or the landing failed, 2 a wrong argument or setting.

    A file that fails does not keep the next one from being imported.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    format_ = BY_NAME[chosen.format]
    if format_.zone_is_needed and chosen.time_zone is None:
        parser.error(f"--time-zone is needed for {format_.title}: {format_.zone_is_needed}")
    if (format_ is COLUMNS) != bool(chosen.columns):
        parser.error(f"--columns is for the format {COLUMNS.name}, which needs it")
    source = chosen.source or chosen.format.partition("-")[0]
    options = Options(source, chosen.time_zone, chosen.columns)
    settings = get_settings()
    try:
        if chosen.dry_run:
            return _run(chosen.files, format_, options, settings, dry_run=True)
        with only_import(settings):
            return _run(chosen.files, format_, options, settings, dry_run=False)
    except LandingUnusable as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (ImportFailed, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingestion.importer", description=__doc__)
    parser.add_argument("format", choices=BY_NAME, metavar="FORMAT", help=", ".join(BY_NAME))
    parser.add_argument("files", nargs="+", metavar="FILES", help="paths, URLs or patterns")
    parser.add_argument("--source", help="the source of the events (the name of the format)")
    parser.add_argument("--time-zone", type=_zone, metavar="ZONE", help="such as Europe/Berlin")
    parser.add_argument(
        "--columns", type=_columns, metavar="TOML", help=f"which column is what, for {COLUMNS.name}"
    )
    parser.add_argument("--dry-run", action="store_true", help="count and show, and land nothing")
    return parser


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


def _run(
    urls: list[str], format_: Format, options: Options, settings: Settings, *, dry_run: bool
) -> int:
    total, failed = Tally(), 0
    seen: dict[str, str] = {}
    landed = set() if dry_run else landed_names(settings)
    for storage, path, name in found(urls):
        try:
            with on_disk(storage, path, name) as file:
                if same := seen.get(file.digest):
                    _tell(f"{name}: the same content as {same}, so it is not imported again")
                    continue
                seen[file.digest] = name
                parts = _parts(file, format_, options, None if dry_run else settings, landed)
                of_file = _imported(file, parts, settings.threads)
                total.add(of_file)
        except ImportFailed as problem:
            failed += 1
            sys.stderr.write(f"{problem}\n")
    _summarise(total, format_, dry_run=dry_run)
    return 1 if failed else 0


def _parts(
    file: File, format_: Format, options: Options, settings: Settings | None, landed: set[str]
) -> Iterator[Part | Tally]:
    """The parts of a file; of a part that has landed before, its tally."""
    _check_format(file, format_, options)
    names = part_names(file, format_.name, options)
    all_records = records(file, format_.header, format_.gather or format_.rows)
    for name, some in zip(names, cut(all_records), strict=False):
        if name in landed:
            yield Tally(landed_before=len(some))
        else:
            yield Part(name, file, format_.name, options, settings, some)


def _check_format(file: File, format_: Format, options: Options) -> None:
    """Raise ImportFailed if a file does not look like one of the format."""
    first = list(islice(records(file, format_.header, format_.rows), LOOKED_AT))
    readable = []
    for _, text in first:
        try:
            if not isinstance(text, BadLine):
                readable.append(decode_event(text, len(text)))
        except Refused:
            continue
    if first and not any(format_.fits(each, options) for each in readable):
        others = [each for each in FORMATS if any(each.fits(one, options) for one in readable)]
        looks = (
            f"it looks like {' or '.join(f'{each.title} ({each.name})' for each in others)}"
            if others
            else "it looks like none of the formats"
        )
        known = ", ".join(sorted(set(chain.from_iterable(readable)))[:10])
        raise ImportFailed(
            f"{file.name} is no export of {format_.title}: {looks}"
            + (f"; its fields are {known}" if known else "; its lines are no JSON objects")
        )


def _imported(file: File, parts: Iterator[Part | Tally], processes: int) -> Tally:
    total = Tally()

    def to_do() -> Iterator[Part]:
        for part in parts:
            if isinstance(part, Tally):
                total.add(part)
            else:
                yield part

    for tally in worked(to_do(), processes):
        total.add(tally)
        _tell(
            f"{file.name}: {total.records:,} records, {total.events:,} events, "
            f"{total.refused.total():,} refused"
        )
    if total.landed_before:
        _tell(f"{file.name}: {total.landed_before:,} records were imported before")
    elif not total.records:
        _tell(f"{file.name}: it is empty")
    return total


def _summarise(total: Tally, format_: Format, *, dry_run: bool) -> None:
    if dry_run:
        _table("day", total.days, by_name=True)
        _table("event", total.names)
        _table("ids", total.ids)
        _table("refused for", total.refused)
        _say(f"{format_.title} → here (all other fields stay in context.extra_fields)")
        for field, place in format_.fields.items():
            _say(f"  {field} → {place}")
    if total.events:
        _say(f"from {total.earliest} to {total.latest}")
    done = "would land; nothing was written" if dry_run else "landed"
    _say(
        f"{total.records:,} records: {total.events:,} events {done}, "
        f"{total.refused.total():,} records refused"
        + (f", {total.landed_before:,} imported before" if total.landed_before else "")
    )
    if total.ids_from_content:
        _say(
            f"{total.ids_from_content:,} events have no id in the export: theirs derives from "
            "their content, so equal ones count as one"
        )
    if total.refused and not dry_run:
        _say("python -m ingestion.quarantine show tells why each was refused")


def _table(head: str, counts: Counter[str], *, by_name: bool = False) -> None:
    rows = sorted(counts.items()) if by_name else counts.most_common()
    if rows:
        _say(head)
    for name, count in rows[:SHOWN]:
        _say(f"  {count:>12,}  {printable(name)}")
    if len(rows) > SHOWN:
        rest = sum(count for _, count in rows[SHOWN:])
        _say(f"  {rest:>12,}  in {len(rows) - SHOWN} more")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
