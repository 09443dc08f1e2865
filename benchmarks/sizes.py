"""How large a machine a number of events needs: bytes, times and memory, at each of some sizes.

Run ``python -m benchmarks.sizes --events 1000000 10000000 30000000``. For each size it lands the
events of ``benchmarks/realistic.py`` as sealed segments, loads, builds and publishes them, and then
lets nightly runs find 10,000 more. The last of these counts, because the first ones take longer.
Each step has a process of its own, whose peak memory is measured. Persons grow with the events.
docs/operations.md has the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.build import timed, timed_build
from benchmarks.realistic import DAYS, PERSONS, land
from demo.project import with_definitions
from ingestion.loading.pipeline import load
from ingestion.settings import PREFIX, Settings
from publishing.publish import publish
from warehouse.connection import writer_lock

CHECKOUT: Final = Path(__file__).parents[1]
NIGHT_EVENTS: Final = 10_000


def persons_of(events: int) -> int:
    """The persons of a history, so that each has as many events in any."""
    return max(1, PERSONS * events // 1_000_000)


def land_history(settings: Settings, events: int) -> None:
    """Land the history."""
    land(settings, "history", events, persons=persons_of(events))


def load_all(settings: Settings, events: int) -> None:
    """Load what has landed."""
    with writer_lock(settings):
        load(settings)


def publish_all(settings: Settings, events: int) -> None:
    """Publish the whole warehouse."""
    with writer_lock(settings):
        publish(settings)


#: Steps that are functions of this program; each runs in a process of its own.
STEPS: Final[dict[str, Callable[[Settings, int], None]]] = {
    "land": land_history,
    "load": load_all,
    "publish": publish_all,
}


def step(settings: Settings, name: str, events: int) -> tuple[float, float]:
    """Seconds and peak MiB of one step."""
    own = ["--step", name, "--home", str(settings.home), "--events", str(events)]
    return timed([sys.executable, "-m", "benchmarks.sizes", *own], {}, CHECKOUT)


def nightly(settings: Settings, others: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Seconds and peak MiB of a nightly run, with the start of its process.

    ``others`` are variables of the site besides its home and project.
    """
    variables = {
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}DBT_PROJECT": str(settings.dbt_project),
        **(others or {}),
    }
    return timed([sys.executable, "-m", "orchestration", "nightly"], variables, CHECKOUT)


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; 0 if it is not there."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def say(name: str, events: int, figure: str) -> None:
    """One line of the figures."""
    print(f"{events:>12,}  {name:34} {figure}", flush=True)


def measure(settings: Settings, events: int, nights: int) -> None:
    """All steps of one size, in order."""

    def took(name: str, taken: tuple[float, float]) -> None:
        say(name, events, f"{taken[0]:9.1f} s   peak {taken[1]:7,.0f} MiB")

    def holds(name: str, path: Path) -> None:
        size = bytes_of(path)
        say(name, events, f"{size / 1e6:9,.0f} MB  {size / events:7,.0f} bytes an event")

    took("generating and sealing", step(settings, "land", events))
    holds("landing/", Path(settings.landing))
    took("load", step(settings, "load", events))
    with writer_lock(settings):
        took("full build, without tests", timed_build(settings))
    took("publish, whole", step(settings, "publish", events))
    holds("warehouse/", settings.warehouse)
    holds("published/", settings.published)
    for number in range(nights):
        first_day = DAYS + number
        land(
            settings,
            f"night-{number:03}",
            NIGHT_EVENTS,
            first_day=first_day,
            days=1,
            persons=persons_of(events),
        )
        took(f"nightly run {number + 1}, {NIGHT_EVENTS:,} more", nightly(settings))
    holds("warehouse/ after these runs", settings.warehouse)
    holds("published/ after these runs", settings.published)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--nights", type=int, default=4, help="nightly runs of each size")
    parser.add_argument("--home", type=Path, help="folder to make the warehouses in")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        STEPS[options.step](Settings(home=options.home, landing_url=""), options.events[0])
        return
    for events in options.events:
        with tempfile.TemporaryDirectory(dir=options.home) as folder:
            settings = with_definitions(Settings(home=Path(folder), landing_url=""))
            measure(settings, events, options.nights)


if __name__ == "__main__":
    main()
