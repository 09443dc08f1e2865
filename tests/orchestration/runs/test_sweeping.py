"""A sweep takes what nobody needs, and only that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ingestion.landing.store import Landing
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from orchestration.runs.sweeping import Retention, sweep
from tests import golden
from warehouse.connection import connect

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAST_YEAR = (NOW - timedelta(days=200)).timestamp()
FOR_90_DAYS = Retention(landing_days=90, quarantine_days=90)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Old and young landed files, all loaded but one, and a manifest."""
    settings = Settings(home=tmp_path)
    lines = (golden.DATA / f"{golden.DAYS[0]}.ndjson").read_text()
    place(settings, "events/old.ndjson", lines)
    place(settings, "events/young.ndjson", lines, NOW.timestamp())
    place(settings, "quarantine/old.ndjson", "{}\n")
    place(
        settings, "manifest/old.json", '{"segment": "s", "lines": 0, "sha256": "", "received": {}}'
    )
    load(settings)
    place(settings, "events/unloaded.ndjson", lines)
    return settings


def place(settings: Settings, name: str, text: str, modified_at: float = LAST_YEAR) -> None:
    path = Path(settings.landing) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (modified_at, modified_at))


def landed(settings: Settings) -> list[str]:
    return [file.name for file in Landing(settings.landing).files()]


def test_loaded_files_past_their_retention_go_and_nothing_else_does(settings: Settings) -> None:
    swept = sweep(settings, FOR_90_DAYS, NOW, dry_run=False)

    assert landed(settings) == [
        "events/unloaded.ndjson",
        "events/young.ndjson",
        "manifest/old.json",
    ]
    assert swept.counts["files in landing/events/"] == 1
    assert swept.counts["files in landing/quarantine/"] == 1
    assert load(settings).files == 1


def test_a_dry_run_says_the_same_and_deletes_nothing(settings: Settings) -> None:
    (settings.home / "published").mkdir()
    (settings.home / "published" / ".footfall-dead.duckdb").write_text("12345")
    before = landed(settings)

    told = sweep(settings, FOR_90_DAYS, NOW, dry_run=True)
    assert landed(settings) == before
    assert told.sizes["leftovers in published/"] == 5

    done = sweep(settings, FOR_90_DAYS, NOW, dry_run=False)
    assert (done.counts, done.sizes) == (told.counts, told.sizes)
    assert not list((settings.home / "published").iterdir())


def test_without_a_number_everything_is_kept(settings: Settings) -> None:
    before = landed(settings)
    assert not sweep(settings, Retention(), NOW, dry_run=False).counts
    assert landed(settings) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_rows_of_a_load_that_never_completed_go_unless_it_is_a_dry_run(
    settings: Settings, dry_run: bool
) -> None:
    with connect(settings) as connection:
        connection.execute(
            "insert into raw.files (file, load_number, _dlt_load_id) values ('torn', 9, 'torn')"
        )
    swept = sweep(settings, Retention(), NOW, dry_run=dry_run)

    assert swept.counts == {"rows of loads that never completed": 1}
    with connect(settings) as connection:
        left = connection.execute("select count(*) from raw.files where file = 'torn'").fetchone()
    assert left == (1,) if dry_run else (0,)


def test_leftovers_of_killed_runs_go_and_what_people_read_stays(settings: Settings) -> None:
    for name in ("published/footfall.duckdb", "published/.footfall-1.duckdb", "dlt/staged-1/x"):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (settings.home / "warehouse" / ".verify-1").mkdir()

    sweep(settings, Retention(), NOW, dry_run=False)

    assert [path.name for path in (settings.home / "published").iterdir()] == ["footfall.duckdb"]
    assert not list((settings.home / "dlt").iterdir())
    assert not (settings.home / "warehouse" / ".verify-1").exists()
    assert settings.warehouse.exists()


def runs(instance: dg.DagsterInstance) -> dict[str, bool]:
    """By job, whether Dagster still has the run, its log and its output."""
    home = Path(instance.root_directory)
    left = {}
    for run in instance.get_runs():
        log = home / "history" / "runs" / f"{run.run_id}.db"
        output = home / "storage" / run.run_id / "compute_logs"
        assert log.exists() == output.exists()
        left[f"{run.job_name} {run.status.value}"] = log.exists()
    return left


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's records as a site has them: runs that are over, and one that works."""
    settings.dagster_home.mkdir()
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for job, status in (
            ("watch", dg.DagsterRunStatus.SUCCESS),
            ("nightly", dg.DagsterRunStatus.SUCCESS),
            ("nightly", dg.DagsterRunStatus.STARTED),
        ):
            run = instance.add_run(dg.DagsterRun(job_name=job, status=status))
            instance.report_engine_event("said", run)
            (settings.dagster_home / "storage" / run.run_id / "compute_logs").mkdir(parents=True)
        yield instance


@pytest.mark.parametrize("dry_run", [True, False])
def test_old_runs_go_with_their_files_and_one_that_still_works_stays(
    settings: Settings, instance: dg.DagsterInstance, dry_run: bool
) -> None:
    """Of a night the record stays: which days are loaded, is known by it."""
    later = datetime.now(UTC) + timedelta(days=2)
    swept = sweep(settings, Retention(run_days=1), later, dry_run=dry_run, instance=instance)

    assert swept.counts["runs of Dagster"] == 2
    assert swept.sizes["runs of Dagster"] > 0
    everything = {"watch SUCCESS": True, "nightly SUCCESS": True, "nightly STARTED": True}
    left = {"nightly SUCCESS": False, "nightly STARTED": True}
    assert runs(instance) == (everything if dry_run else left)
    swept = sweep(settings, Retention(run_days=1), later, dry_run=dry_run, instance=instance)
    assert swept.counts["runs of Dagster"] == (2 if dry_run else 0)


def test_young_runs_stay(settings: Settings, instance: dg.DagsterInstance) -> None:
    sweep(settings, Retention(run_days=1), datetime.now(UTC), dry_run=False, instance=instance)
    assert all(runs(instance).values())
