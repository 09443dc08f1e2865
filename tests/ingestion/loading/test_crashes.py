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
from ingestion.loading import inserting, pipeline
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

def is_files(job):
    return job.load_table_name == "files"

def is_b(cursor, kind, files):
    return files[0].name.endswith("b.ndjson")

# The vouched file is not judged with the other one.
inserting.FILES_PER_GROUP = 1
home, at = sys.argv[1:]
{
    "before the insert": lambda: die(inserting.Inserter, "insert"),
    "before a commit": lambda: die(inserting, "insert_lines", after=True),
    "between two commits": lambda: die(inserting, "insert_lines", is_b),
    "after the insert": lambda: die(inserting.Inserter, "insert", after=True),
    "before the ledger": lambda: die(duck.DuckDbCopyJob, "run", is_files),
    "after the ledger": lambda: die(duck.DuckDbCopyJob, "run", is_files, after=True),
    "before completion": lambda: die(duck.DuckDbClient, "complete_load"),
    "after completion": lambda: die(duck.DuckDbClient, "complete_load", after=True),
}[at]()
settings = Settings(home=home, threads=1)
with writer_lock(settings):
    pipeline.load(settings)
"""
#: The events that are in raw afterwards, of completed loads or not.
LEFT = {
    "before the insert": set[str](),
    "before a commit": set[str](),
    "between two commits": {"a1", "a2"},
    "after the insert": {"a1", "a2", "b1"},
    "before the ledger": {"a1", "a2", "b1"},
    "after the ledger": {"a1", "a2", "b1"},
    "before completion": {"a1", "a2", "b1"},
    "after completion": {"a1", "a2", "b1"},
}


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
    for moment in LEFT:
        home = tmp_path_factory.mktemp(moment) / "home"
        shutil.copytree(first.settings.home, home)
        sites[moment] = Site(home)
        killed = run_code(KILLED, str(home), moment, environment=os.environ)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    for moment, site in sites.items():
        # What was committed before the kill is there, and what reads raw by its loads sees none.
        assert len(site.ids()) == (4 if moment == "after completion" else 1), moment
        there = {event_id for (event_id,) in site.query("select event_id from raw.events")}
        assert there - {"before"} == LEFT[moment], moment
        report = site.load()
        is_orphaned = bool(LEFT[moment]) and moment != "after completion"
        assert (report.orphans_swept > 0) == is_orphaned, moment
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


@pytest.mark.parametrize(("moment", "orphans"), [("after the insert", 1), ("before completion", 2)])
def test_a_load_of_nothing_after_a_crash_of_the_first_load_sweeps_too(
    site: Site, moment: str, orphans: int
) -> None:
    path = site.land("events/a.ndjson", [event("a1")])
    killed = run_code(KILLED, str(site.settings.home), moment, environment=os.environ)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    path.unlink()
    # Whoever finds one of raw's tables may rely on the others.
    for table in (*RAW_TABLES, "_dlt_loads"):
        site.query(f"from raw.{table}")
    report = site.load()
    assert (report.files, report.orphans_swept) == (0, orphans)
    assert site.query("select count(*) from raw.events") == [(0,)]
