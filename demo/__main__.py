"""`python -m demo`: simulate a product's first weeks and print the answers."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shlex
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from demo.answers import answers
from demo.delivery import Courier, Endpoint, NotDelivered, by_week
from demo.facts import SOURCES, WEB, Fact, Story
from demo.memory import (
    DEFAULT_PERSONS,
    DEFAULT_SEED,
    DEFAULT_WEEKS,
    MAX_WEEKS,
    OtherStory,
    Wishes,
    story_of,
)
from demo.people import CLOCK_ERROR
from demo.population import live, slips
from demo.processes import CannotRun, collector, free_port, run_nightly
from demo.progress import Progress
from demo.project import with_definitions
from ingestion.settings import Settings, get_settings

#: A delivery that took longer was late; a shorter delay is normal for networks.
LATE: Final = timedelta(hours=24)
#: Older events are sent as history, the rest as current events.
LIVE: Final = timedelta(days=1)
#: Indents lines to the text of a numbered step.
MARGIN: Final = " " * 14


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when the answers are printed, 1 or 2 with the reason in words, else."""
    options = _parser().parse_args(arguments)
    settings = get_settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wishes = Wishes(options.seed, options.persons, options.weeks)
    try:
        _run(settings, wishes, options.port, datetime.now(UTC))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; nothing is left running. `make demo` starts again.\n")
        return 130
    except OtherStory as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (CannotRun, NotDelivered) as error:
        sys.stderr.write(f"\nThe demo stopped: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read the answers, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    for name, default, low, high, text in (
        ("seed", DEFAULT_SEED, 0, 2**63, "which population"),
        ("persons", DEFAULT_PERSONS, 1, 100_000, "visitors who arrive in the first weeks"),
        ("weeks", DEFAULT_WEEKS, 1, MAX_WEEKS, "how long ago the first one came"),
        ("port", 0, 0, 65535, "port of the collector; 0 takes a free one"),
    ):
        parser.add_argument(
            f"--{name}",
            type=_whole_number(low, high),
            default=default if name == "port" else None,
            help=f"{text} (default {default})",
        )
    return parser


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text) if text.isdecimal() else -1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return number

    return read


def _run(settings: Settings, wishes: Wishes, port: int, now: datetime) -> None:
    folder = settings.home / "demo"
    try:
        story, is_known = story_of(folder, wishes, now)
    except OSError as error:
        raise CannotRun(
            f"FOOTFALL_HOME: cannot write to {settings.home}: {error.strerror}; "
            "name a folder this user can write to"
        ) from error
    _introduce(settings, story, is_known)
    facts = _live(story, now)
    _deliver(settings, folder, story, facts, port, now)
    settings = with_definitions(settings)
    _build(settings, folder)
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        for title, text in answers(connection):
            print(f"\n{title}\n\n{text}")
    _conclude(settings)


def _introduce(settings: Settings, story: Story, is_known: bool) -> None:
    print(
        "Footfall demo: the first weeks of a product with a 14-day trial, up to this minute.\n"
        "Everybody in it is synthetic: drawn from a seed, and no record of any real person.\n\n"
        f"  Since {story.starts_on:%d %B %Y}, {story.persons:,} visitors in {story.weeks} weeks, "
        f"seed {story.seed}.\n"
        f"  Everything is kept in {settings.home}\n"
    )
    if is_known:
        print(
            "  This home holds the story already. It is sent again in full and goes on to now:\n"
            "  what was there before is a duplicate, and no answer may count it twice.\n"
        )


def _live(story: Story, now: datetime) -> list[Fact]:
    progress = Progress("1  Live   ")
    facts = live(story, now)
    repeated = sum(count - 1 for count in Counter(fact.event_id for fact in facts).values())
    late = sum(fact.delivered_at - fact.occurred_at > LATE for fact in facts)
    fast = sum(fact.clock_error > timedelta(0) for fact in facts)
    progress.end(f"{len(facts):,} deliveries of {len(facts) - repeated:,} events")
    print(
        f"{MARGIN}of them {repeated:,} are repeated, {late:,} come days late, "
        f"{fast:,} have a clock {CLOCK_ERROR.seconds / 3600:.1f} hours fast"
    )
    return facts


def _deliver(
    settings: Settings,
    folder: Path,
    story: Story,
    facts: Sequence[Fact],
    port: int,
    now: datetime,
) -> None:
    keys = {source: secrets.token_urlsafe(16) for source in SOURCES}
    endpoint = Endpoint(port or free_port(), keys)
    with collector(settings, endpoint.port, keys, folder / "collector.log") as process:
        print(f"{MARGIN}the collector listens on {endpoint.url}, process {process.pid}")
        progress = Progress("2  Deliver")
        with contextlib.closing(Courier(endpoint, now - LIVE)) as courier:
            for number, week in enumerate(by_week(facts, story.starts_at), 1):
                progress.show(f"week {number}", courier.accepted, len(facts))
                courier.deliver(week)
            courier.deliver_slips(WEB, slips(story))
        progress.end(f"{courier.accepted:,} acknowledged, {courier.refused} broken ones refused")
        progress = Progress("3  Seal   ")
    progress.end("the collector has put everything in the landing and ended")


def _build(settings: Settings, folder: Path) -> None:
    progress = Progress("4  Build  ")
    progress.show("the nightly job starts: load, build, test, publish")
    totals = [0]

    def show(done: int, total: int) -> None:
        totals.append(total)
        progress.show(f"{done} of {total} models and tests", done, total)

    run_nightly(settings, folder / "nightly.log", show)
    progress.end(f"loaded, {max(totals)} models and tests passed, published")


def _conclude(settings: Settings) -> None:
    published = shlex.quote(_short(settings.published))
    is_default = settings.home == Path("data").absolute()
    home = "" if is_default else f"FOOTFALL_HOME={shlex.quote(_short(settings.home))} "
    # Without these variables the next nightly run would build without the demo's definitions.
    home += f"FOOTFALL_DBT_PROJECT={shlex.quote(_short(settings.dbt_project))} "
    size = settings.published.stat().st_size / 1e6
    print(
        "\nAsk on\n\n"
        f"  {published}  ({size:.0f} MB; any tool that opens DuckDB)\n\n"
        f'  duckdb -readonly {published} "from marts.fct_daily_actives"\n'
        f'  {shlex.quote(_short(Path(sys.executable)))} -c "import duckdb; '
        f"duckdb.connect('{_short(settings.published)}', read_only=True)"
        ".sql('from marts.fct_sessions').show()\"\n"
        f"  {home}make up      answers as pictures on {settings.explorer_url},\n"
        f"               the pipeline on {settings.ui_url}, until Ctrl-C\n"
    )


def _short(path: Path) -> str:
    """Write a path from here where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
