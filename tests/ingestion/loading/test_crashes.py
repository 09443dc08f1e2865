"""If a load is killed at any moment, the next load makes it good."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from ingestion.loading.source import RAW_TABLES
from tests.ingestion.loading.site import Row, Site, event, refused
from tests.warm import run_code

#: A process that loads, and is killed before or after the moment that `at` names.
KILLED = """
import os, signal, sys
from dlt.destinations.impl.duckdb import duck
from pyarrow.parquet import read_metadata
from ingestion.loading import pipeline, staging
from ingestion.settings import Settings
from warehouse.connection import writer_lock

def die(owner, name, when=lambda *given: True, after=False):
    done = getattr(owner, name)
    def dying(*given, **how):
        if not when(*given):
            return done(*given, **how)
        result = done(*given, **how) if after else None
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)

def is_events(job):
    # A file without rows only makes the table.
    return job.load_table_name == "events" and read_metadata(job._file_path).num_rows > 0

home, at = sys.argv[1:]
{
    "before staging": lambda: die(staging.Stager, "stage"),
    "after parquet": lambda: die(staging.Stager, "stage", after=True),
    "before the insert": lambda: die(duck.DuckDbCopyJob, "run", is_events),
    "after the insert": lambda: die(duck.DuckDbCopyJob, "run", is_events, after=True),
    "before completion": lambda: die(duck.DuckDbClient, "complete_load"),
    "after completion": lambda: die(duck.DuckDbClient, "complete_load", after=True),
}[at]()
settings = Settings(home=home)
with writer_lock(settings):
    pipeline.load(settings)
"""
MOMENTS = (
    "before staging",
    "after parquet",
    "before the insert",
    "after the insert",
    "before completion",
    "after completion",
)


def contents(site: Site) -> dict[str, list[Row]]:
    """All raw tables without the load's id."""
    return {
        table: site.query(f"select * exclude (_dlt_load_id) from raw.{table} order by all")
        for table in RAW_TABLES
    }


def land(site: Site) -> None:
    site.land("events/a.ndjson.gz", [event("a1"), event("a2")])
    site.vouch("events/a.ndjson.gz", 2)
    site.land("events/b.ndjson", [event("b1"), event("")])
    site.land("quarantine/q.ndjson", [refused("r1")])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    site = Site(tmp_path_factory.mktemp("undisturbed") / "home")
    site.land("events/0.ndjson", [event("before")])
    site.load()
    land(site)
    site.load()
    return contents(site)


def test_a_killed_load_is_made_good_by_the_next(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: dict[str, list[Row]]
) -> None:
    sites: dict[str, Site] = {}
    first = Site(tmp_path_factory.mktemp("first") / "home")
    first.land("events/0.ndjson", [event("before")])
    first.load()
    land(first)
    for moment in MOMENTS:
        home = tmp_path_factory.mktemp(moment) / "home"
        shutil.copytree(first.settings.home, home)
        sites[moment] = Site(home)
        killed = run_code(KILLED, str(home), moment, environment=os.environ)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    for moment, site in sites.items():
        # What was committed before the kill is there, and what reads raw by its loads sees none.
        assert len(site.ids()) == (4 if moment == "after completion" else 1), moment
        there = {event_id for (event_id,) in site.query("select event_id from raw.events")}
        is_inserted = moment in ("after the insert", "before completion", "after completion")
        # Two files of events go in side by side, so either may have been first.
        assert bool(there - {"before"}) == is_inserted, moment
        report = site.load()
        # The other tables' files may have gone in before the events' were tried.
        if is_inserted:
            assert (report.orphans_swept > 0) == (moment != "after completion"), moment
        assert (report.files == 0) == (moment == "after completion"), moment
        assert contents(site) == undisturbed, moment
        assert site.query("select distinct status from raw._dlt_loads") == [(0,)]


def test_dlts_own_folder_may_be_lost_or_spoilt(tmp_path: Path) -> None:
    site = Site(tmp_path / "home")
    folder = site.settings.home / "dlt"
    for number in range(3):
        site.land(f"events/{number}.ndjson", [event(f"e{number}")])
        if number == 1:
            # What a crash or an older version may have left.
            (folder / "landing").mkdir(parents=True)
            (folder / "landing" / "state.json").write_text("{spoilt")
            (folder / "landing" / "schemas").write_text("no folder")
        assert site.load().events == 1
        assert not folder.exists()
    assert site.ids() == ["e0", "e1", "e2"]


def test_a_load_of_nothing_after_a_crash_sweeps_too(site: Site) -> None:
    path = site.land("events/a.ndjson", [event("a1")])
    killed = run_code(KILLED, str(site.settings.home), "before completion", environment=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    path.unlink()
    report = site.load()
    assert (report.files, report.orphans_swept) == (0, 2)
    assert site.query("select count(*) from raw.events") == [(0,)]
