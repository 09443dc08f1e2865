"""``python -m ingestion.quarantine list|show|replay``: refused events, and how they come back."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from ingestion.facts.lines import BadLine
from ingestion.facts.printing import printable
from ingestion.landing.store import Landing, LandingUnusable
from ingestion.quarantine.mending import MendUnusable, imported, renaming
from ingestion.quarantine.replaying import replay
from ingestion.quarantine.rows import Quarantine, Row, Selection
from ingestion.quarantine.validation import Outcome
from ingestion.settings import Settings, get_settings

#: Rows that show prints by default, and refused events that replay prints: a screen or two.
SHOWN: Final = 20


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 the landing or the disk failed, 2 a wrong argument or setting."""
    options = _parser().parse_args(arguments)
    settings = get_settings()
    selection = Selection(options.source, options.reason, options.day, options.id)
    try:
        if options.command == "list":
            _list(settings, selection)
        elif options.command == "show":
            _show(settings, selection, options.limit)
        else:
            _replay(settings, selection, options)
    except (MendUnusable, LandingUnusable) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except OSError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ingestion.quarantine", description=__doc__)
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("--source", help="only of this source")
    which.add_argument("--reason", help="only refused for this reason")
    which.add_argument("--day", type=date.fromisoformat, help="only received on this day, in UTC")
    which.add_argument("--id", help="only this event_id or refused_id")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[which], help="counts by day, source and reason")
    show = commands.add_parser("show", parents=[which], help="refused events, whole")
    show.add_argument("--limit", type=int, default=SHOWN, help=f"rows at most ({SHOWN})")
    again = commands.add_parser("replay", parents=[which], help="judge again, land what passes")
    again.add_argument(
        "--rename", action="append", metavar="OLD=NEW", help="give a key a new name; dots go inside"
    )
    again.add_argument("--mend", metavar="MODULE:FUNCTION", help="mend(event: dict) -> dict | None")
    again.add_argument(
        "--mend-body",
        metavar="MODULE:FUNCTION",
        help="mend_body(body: bytes) -> bytes | None, on a row's whole text, before all else",
    )
    again.add_argument("--dry-run", action="store_true", help="say what would pass, write nothing")
    return parser


def _list(settings: Settings, selection: Selection) -> None:
    refused: Counter[tuple[str, str, str]] = Counter()
    replayed: Counter[tuple[str, str, str]] = Counter()
    unreadable = 0
    quarantine = Quarantine(Landing(settings.landing))
    for file in quarantine.files:
        done = {line for line, _ in quarantine.replayed(file)}
        for row in quarantine.rows(file):
            if isinstance(row, BadLine):
                unreadable += 1
            elif selection.holds(row):
                group = (row.received_at.date().isoformat(), row.source, row.reason)
                refused[group] += 1
                replayed[group] += row.line in done
    _table(
        ("day", "source", "reason", "refused", "replayed"),
        [(*group, str(count), str(replayed[group])) for group, count in sorted(refused.items())],
    )
    _tell_unreadable(unreadable)


def _show(settings: Settings, selection: Selection, limit: int) -> None:
    quarantine = Quarantine(Landing(settings.landing))
    found = 0
    for file in quarantine.files:
        for row in quarantine.rows(file):
            if not isinstance(row, BadLine) and selection.holds(row):
                found += 1
                if found <= limit:
                    _show_row(row)
    if found > limit:
        _say(f"and {found - limit} more; ask for them with --limit")


def _show_row(row: Row) -> None:
    _say(f"{row.refused_id}  {row.received_at.isoformat()}  {printable(row.source)}")
    _say(f"  file     {printable(row.file)} line {row.line}")
    _say(f"  event    {printable(row.event_id or '-')}")
    _say(f"  reason   {printable(row.reason)}: {printable(row.detail)}")
    _say(f"  request  {printable(msgspec.json.encode(row.request).decode())}")
    for line in row.text.decode("utf-8", "backslashreplace").split("\n"):
        _say(f"    {printable(line)}")


def _replay(settings: Settings, selection: Selection, options: argparse.Namespace) -> None:
    if options.rename and options.mend:
        raise MendUnusable("give --rename or --mend, not both")
    mend = renaming(options.rename) if options.rename else None
    if options.mend:
        mend = imported(options.mend)
    told = 0

    def tell(row: Row, outcome: Outcome) -> None:
        nonlocal told
        told += 1
        if told <= SHOWN:
            number = f" event {outcome.event}" if outcome.event else ""
            why = f"{outcome.verdict}: {outcome.detail}" if outcome.detail else outcome.verdict
            _say(f"stays  {printable(row.refused_id)}{number}  {printable(why)}")

    report = replay(
        settings,
        selection,
        mend=mend,
        mend_body=imported(options.mend_body) if options.mend_body else None,
        dry_run=options.dry_run,
        tell=tell,
    )
    if told > SHOWN:
        _say(f"stays  and {told - SHOWN} more")
    _table(
        ("source", "refused for", "now", "events"),
        [(*group, str(count)) for group, count in sorted(report.counts.items())],
    )
    _tell_unreadable(report.unreadable_lines)
    if options.dry_run:
        _say(f"{report.accepted()} events would land; nothing was written")
    else:
        _say(f"{report.accepted()} events landed in {report.segments} segments")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [heads, *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        _say("  ".join(cells).rstrip())


def _tell_unreadable(lines: int) -> None:
    if lines:
        _say(f"{lines} lines of quarantine files cannot be read; the load puts them in bad_lines")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
