"""``python -m ingestion.importer FORMAT FILES…``: the exports of other tools become history here.

Files are paths, URLs or patterns, compressed as they come. Running it again lands nothing twice.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import chain, islice
from typing import Any, Final, NoReturn

from ingestion.facts.envelope import Json
from ingestion.facts.lines import BadLine
from ingestion.facts.printing import printable
from ingestion.importer.arguments import argument_parser
from ingestion.importer.formats.catalog import BY_NAME, FORMATS
from ingestion.importer.formats.columns import COLUMNS
from ingestion.importer.formats.format import Format, Options
from ingestion.importer.mapping import Tally, ends_of
from ingestion.importer.parts import Part, cut, landed_names, only_import, part_names, worked
from ingestion.importer.reading import File, ImportFailed, Record, found, on_disk, records
from ingestion.importer.totals import PLAUSIBLE, Totals, keep_totals, kept_totals, totals_of
from ingestion.landing.store import LandingUnusable
from ingestion.protocols.fields import Refused, decode_event
from ingestion.settings import Settings, get_settings

#: Records at the beginning of a file by which it is known.
LOOKED_AT: Final = 100
#: Rows of a table that a dry run prints.
SHOWN: Final = 40


def main(arguments: list[str] | None = None) -> int:
    """Import; 0 done, 1 a file or the landing failed, 2 a wrong argument or setting.

    A file that fails, or a pattern without files, does not keep the next one from being imported.
    """
    parser = argument_parser()
    chosen = parser.parse_args(arguments)
    source = chosen.source or chosen.format.partition("-")[0]
    settings = get_settings()
    if chosen.format == PLAUSIBLE:
        if chosen.time_zone or chosen.columns:
            parser.error(
                f"--time-zone and --columns are not for {PLAUSIBLE}: it has totals of days"
            )
        return _ended(
            lambda: _run_totals(chosen.files, source, settings, dry_run=chosen.dry_run),
            None if chosen.dry_run else settings,
        )
    format_ = BY_NAME[chosen.format]
    if format_.zone_is_needed and chosen.time_zone is None:
        parser.error(f"--time-zone is needed for {format_.title}: {format_.zone_is_needed}")
    if format_ is not COLUMNS and chosen.columns:
        parser.error(f"--columns is for the format {COLUMNS.name} only")
    if format_ is COLUMNS and not chosen.columns:
        parser.error(f"--columns FILE is what the format {COLUMNS.name} needs: see docs/import.md")
    if chosen.time_zone and not format_.zone_is_needed and format_ is not COLUMNS:
        parser.error(
            f"--time-zone is not for {format_.title}: its times say their zone, or are UTC"
        )
    options = Options(source, chosen.time_zone, chosen.columns)
    return _ended(
        lambda: _run(chosen.files, format_, options, settings, dry_run=chosen.dry_run),
        None if chosen.dry_run else settings,
    )


def _ended(run: Callable[[], int], settings: Settings | None) -> int:
    """How a run ends; with settings, no other import of the home runs beside it."""
    try:
        with only_import(settings) if settings else nullcontext():
            return run()
    except LandingUnusable as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (ImportFailed, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


def _run(
    urls: list[str], format_: Format, options: Options, settings: Settings, *, dry_run: bool
) -> int:
    total, failed = Tally(), 0
    nowhere: list[ImportFailed] = []
    seen: dict[str, str] = {}
    landed = set() if dry_run else landed_names(settings)
    for storage, path, name in _found(urls, nowhere):
        try:
            with on_disk(storage, path, name) as file:
                if same := seen.get(file.digest):
                    _tell(f"{name}: the same content as {same}, so it is not imported again")
                    continue
                seen[file.digest] = name
                parts = _parts(file, format_, options, None if dry_run else settings, landed)
                of_file = _imported(file, parts, settings.threads)
                total.add(of_file)
                if of_file.ends:
                    _end_early(file, of_file)
        except ImportFailed as problem:
            failed += 1
            _tell(str(problem))
    _summarise(total, format_, options, dry_run=dry_run, failed=failed)
    # Said last: among the lines of many files, nobody would see it.
    for missing in nowhere:
        _tell(str(missing))
    return 1 if failed or nowhere else 0


def _found(urls: Iterable[str], nowhere: list[ImportFailed]) -> Iterator[tuple[Any, str, str]]:
    """The files of all paths, URLs and patterns; ``nowhere`` gets why one of these has none."""
    for url in urls:
        try:
            yield from found(url)
        except ImportFailed as problem:
            nowhere.append(problem)


def _run_totals(urls: list[str], source: str, settings: Settings, *, dry_run: bool) -> int:
    seed = settings.dbt_project / "seeds" / "source_totals.csv"
    before = kept_totals(seed)
    totals, problems = Totals(), list[ImportFailed]()
    for storage, path, name in _found(urls, problems):
        try:
            with on_disk(storage, path, name) as file:
                of_file = totals_of(file, source)
        except ImportFailed as problem:
            problems.append(problem)
            continue
        totals |= of_file.totals
        problems += map(ImportFailed, of_file.unreadable)
    changed = totals.items() - before.items()
    if changed and not dry_run:
        keep_totals(seed, before | totals)
    days = sorted({day for _, day, _, _ in totals})
    if days:
        _say(f"from {days[0]} to {days[-1]}")
    done = "would be written" if dry_run else f"written to {seed}"
    _say(
        f"{_counted(len(totals), 'total')} of {_counted(len(days), 'day')}: {len(changed):,} new "
        f"or changed {done}"
    )
    for each in problems:
        _tell(str(each))
    return 1 if problems else 0


def _parts(
    file: File, format_: Format, options: Options, settings: Settings | None, landed: set[str]
) -> Iterator[Part | Tally]:
    """The parts of a file; of a part that has landed before, its tally."""
    _check_format(file, format_, options)
    names = part_names(file, format_.name, options)
    all_records = records(file, format_.header, format_.gather or format_.rows)
    for name, some in zip(names, cut(all_records), strict=False):
        if name in landed:
            yield Tally(landed_before=len(some), ends=ends_of(some))
        else:
            yield Part(name, file, format_.name, options, settings, some)


def _check_format(file: File, format_: Format, options: Options) -> None:
    """Raise ImportFailed if a file does not look like one of the format."""
    first = list(islice(records(file, format_.header, format_.rows), LOOKED_AT))
    readable = list(_readable(first))
    if not readable and (ends := ends_of(first)):
        _end_early(file, Tally(records=len(ends), ends=ends))
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

    if first and options.columns:
        _check_columns(file, options.columns["columns"].values())


def _check_columns(file: File, columns: Iterable[str]) -> None:
    """Raise ImportFailed if no record of a file has one of these columns.

    Lines of JSON may leave out what is empty, so a column may be in any of them.
    """
    missing, known = list(dict.fromkeys(columns)), dict[str, None]()
    for record in _readable(records(file)):
        missing = [column for column in missing if column not in record]
        if not missing:
            return
        if len(known) < SHOWN:
            known |= dict.fromkeys(record)
    raise ImportFailed(
        f"{file.name}: the file has no column {', '.join(missing)}; it has "
        f"{printable(', '.join(known))}"
    )


def _readable(some: Iterable[Record]) -> Iterator[Json]:
    """The records of these that are JSON objects."""
    for _, text in some:
        try:
            if not isinstance(text, BadLine):
                yield decode_event(text, len(text))
        except Refused:
            continue


def _end_early(file: File, tally: Tally) -> NoReturn:
    count = tally.records + tally.landed_before - len(tally.ends)
    raise ImportFailed(
        f"{file.name} ends early: {_counted(count, 'record')} could be read; {tally.ends[0]}"
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
            f"{file.name}: {_counted(total.records, 'record')}, {_counted(total.events, 'event')}, "
            f"{total.refused.total():,} refused"
        )
    if total.landed_before:
        _tell(f"{file.name}: {_counted(total.landed_before, 'record')} imported before")
    elif not total.records:
        _tell(f"{file.name}: it is empty")
    return total


def _summarise(
    total: Tally, format_: Format, options: Options, *, dry_run: bool, failed: int
) -> None:
    if dry_run:
        _table("day", total.days, by_name=True)
        _table("event", total.names)
        _table("ids", total.ids)
        _table("refused for", total.refused)
        for reason, example in total.examples.items():
            _say(f"  {reason}: {printable(example)}")
    if dry_run and not failed:
        _say(f"{format_.title} → here (all other fields stay in context.extra_fields)")
        for field, place in format_.fields.items():
            _say(f"  {field} → {place}")
    if total.events:
        _say(f"from {total.earliest} to {total.latest}")
    done = "would land; nothing was written" if dry_run else "landed"
    _say(
        f"{_counted(total.records, 'record')}: {_counted(total.events, 'event')} {done}, "
        f"{_counted(total.refused.total(), 'record')} refused"
        + (f", {total.landed_before:,} imported before" if total.landed_before else "")
    )
    if total.ids_from_content:
        _say(
            f"{_counted(total.ids_from_content, 'event')} without an id in the export: it derives "
            "from the content, so equal ones count as one"
        )
    if total.refused and not dry_run:
        _say(f"python -m ingestion.quarantine show --source {options.source} tells why")


def _table(head: str, counts: Counter[str], *, by_name: bool = False) -> None:
    rows = sorted(counts.items()) if by_name else counts.most_common()
    if rows:
        _say(head)
    for name, count in rows[:SHOWN]:
        _say(f"  {count:>12,}  {printable(name)}")
    if len(rows) > SHOWN:
        rest = sum(count for _, count in rows[SHOWN:])
        _say(f"  {rest:>12,}  in {len(rows) - SHOWN} more")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
