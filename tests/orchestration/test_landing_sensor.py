"""Events are in the tables soon after they arrive, and nothing that arrives makes runs pile up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster_shared.error import SerializableErrorInfo

from ingestion.landing import digest as landing_digest
from ingestion.landing.digest import LandingDigest
from ingestion.settings import Settings
from orchestration import sensors
from orchestration.prepare import RECEIVED_DAYS
from orchestration.runs import arrival_runs
from orchestration.runs.arrival_runs import SENSOR, Failures, forget_old_runs
from orchestration.runs.run_progress import INTERRUPTED
from orchestration.sensors import landing_sensor, status_by_default

SEGMENT = "01KA0000000000000000000000-writer"
#: Where a run that waits comes from.
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(
        RegisteredCodeLocationOrigin("orchestration.definitions"), "__repository__"
    ),
    "nightly",
)
WAITING = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


class Site:
    """A home whose sensor is asked by hand; what rests for a moment has come to rest."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> dg.RunRequest | str:
        """What the sensor asks for, or why for nothing."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        told = landing_sensor.evaluate_tick(context)
        self.cursor = told.cursor
        return told.run_requests[0] if told.run_requests else told.skip_message or ""

    def land(self, name: str) -> Path:
        path = Path(self.settings.landing) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
        return path

    def run(self, status: dg.DagsterRunStatus, job: str = "nightly", **tags: str) -> str:
        run = dg.DagsterRun(job_name=job, tags=tags, status=status, remote_job_origin=ORIGIN)
        return self.instance.add_run(run).run_id


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    settings = Settings(home=tmp_path, landing_url="", quiet_seconds=0)
    monkeypatch.setattr(sensors, "_settings", settings)
    monkeypatch.setattr(sensors, "_landing", LandingDigest(settings))
    settings.dagster_home.mkdir()
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield Site(settings, instance)


def test_events_ask_for_a_run_unless_a_setting_says_otherwise() -> None:
    assert landing_sensor.default_status is dg.DefaultSensorStatus.RUNNING
    off = Settings(run_on_arrival=False)
    assert status_by_default(off) is dg.DefaultSensorStatus.STOPPED


def test_a_home_without_a_landing_asks_for_nothing(site: Site) -> None:
    assert site.tick() == "nothing new"


def test_an_open_segment_asks_for_one_run_and_none_once_it_is_sealed(site: Site) -> None:
    """The run seals what is open, so nobody waits for a segment to be old enough."""
    opened = site.land(f"open/{SEGMENT}.events.ndjson")
    assert isinstance(site.tick(), dg.RunRequest)
    site.land(f"events/date=2026-03-01/hour=00/{SEGMENT}.ndjson.gz")
    opened.unlink()
    assert site.tick() == "nothing new"
    site.land(f"manifest/date=2026-03-01/{SEGMENT}.json")
    assert site.tick() == "nothing new"


def test_what_a_dead_collector_left_open_asks_once(site: Site) -> None:
    site.land(f"open/{SEGMENT}.events.ndjson")
    assert isinstance(site.tick(), dg.RunRequest)
    assert {site.tick() for _ in range(5)} == {"nothing new"}


@pytest.mark.parametrize(
    "name", ["events/torn.ndjson.gz", "quarantine/x.ndjson", "events/no\udcfftext.ndjson"]
)
def test_a_file_that_cannot_be_loaded_asks_once(site: Site, name: str) -> None:
    site.land(name)
    assert isinstance(site.tick(), dg.RunRequest)
    assert {site.tick() for _ in range(5)} == {"nothing new"}


def test_what_is_no_segment_or_still_being_written_asks_for_nothing(site: Site) -> None:
    for name in (
        "events/read.me",
        "events/.half.ndjson",
        "events/.tmp/x.ndjson",
        "open/host-1-abcd.seal",
    ):
        site.land(name)
    assert site.tick() == "nothing new"


def test_a_burst_of_files_asks_for_one_run_and_later_ones_for_one_more(site: Site) -> None:
    for number in range(500):
        site.land(f"events/{number}.ndjson")
    assert isinstance(site.tick(), dg.RunRequest)
    running = site.run(dg.DagsterRunStatus.STARTED)
    for number in range(500, 600):
        site.land(f"events/{number}.ndjson")
    assert {site.tick() for _ in range(5)} == {"a run waits or works"}
    site.instance.delete_run(running)
    assert isinstance(site.tick(), dg.RunRequest)
    assert site.tick() == "nothing new"


@pytest.mark.parametrize("status", WAITING)
def test_no_run_is_asked_for_while_one_waits_or_works(
    site: Site, status: dg.DagsterRunStatus
) -> None:
    site.land("events/a.ndjson")
    site.run(status)
    assert site.tick() == "a run waits or works"


def test_a_remote_landing_that_is_away_is_said_and_asks_for_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Settings(home=site.settings.home, landing_url="nowhere://bucket")
    monkeypatch.setattr(sensors, "_landing", LandingDigest(away))
    said = site.tick()
    assert isinstance(said, str)
    assert said.startswith("FOOTFALL_LANDING_URL: ")


def test_runs_that_fail_are_asked_for_ever_more_rarely(site: Site) -> None:
    """Each is an alert: a site that lands a file each minute would tell 1,440 a day."""
    pauses = []
    for _ in range(10):
        site.run(dg.DagsterRunStatus.FAILURE)
        ended_at = site.instance.get_run_records(limit=1)[0].update_timestamp.timestamp()
        pauses.append(Failures.of(site.instance, "nightly").over_at - ended_at)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    site.land("events/a.ndjson")
    assert str(site.tick()).startswith("the last run failed: the next try is ")
    site.run(dg.DagsterRunStatus.CANCELED)
    site.run(dg.DagsterRunStatus.SUCCESS, job="watch")
    assert Failures.of(site.instance, "nightly").over_at
    site.run(dg.DagsterRunStatus.SUCCESS)
    assert Failures.of(site.instance, "nightly").over_at == 0
    assert isinstance(site.tick(), dg.RunRequest)


def test_a_run_that_was_told_to_end_is_asked_for_again(site: Site) -> None:
    """Ctrl-C while the first run works: what it was to load would wait for the next event."""
    site.land("events/a.ndjson")
    first = site.tick()
    assert isinstance(first, dg.RunRequest)
    run_id = site.run(dg.DagsterRunStatus.FAILURE)
    step_failed: Any = StepFailureData
    site.instance.report_dagster_event(
        dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.STEP_FAILURE.value,
            job_name="nightly",
            event_specific_data=step_failed(SerializableErrorInfo("", [], INTERRUPTED), None),
        ),
        run_id,
    )
    again = site.tick()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != first.run_key
    site.run(dg.DagsterRunStatus.SUCCESS)
    assert site.tick() == "nothing new"


def landed(path: Path, *names: str) -> None:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("{}\n")


def test_a_folder_is_read_again_only_once_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, landing_url="")
    events = Path(settings.landing) / "events"
    landed(events, "a/1.ndjson", "a/2.ndjson", "b/c/1.ndjson")
    for folder in (events, events / "a", events / "b", events / "b/c"):
        os.utime(folder, (1, 1))
    read: list[str] = []
    real = landing_digest._read

    def noted(path: str, changed_at: int) -> landing_digest._Folder:
        read.append(path.removeprefix(str(events)))
        return real(path, changed_at)

    monkeypatch.setattr(landing_digest, "_read", noted)
    digest = LandingDigest(settings)
    first = digest.now()
    assert sorted(read) == ["", "/a", "/b", "/b/c"]
    read.clear()
    assert digest.now() == first
    assert read == []
    landed(events, "b/c/2.ndjson")
    assert digest.now() != first
    # One that changed a moment ago may have got another file in the same moment.
    assert set(read) == {"/b/c"}
    (events / "b/c/2.ndjson").unlink()
    assert digest.now() == first
    at = (events / "b/c").stat().st_mtime_ns
    landed(events, "b/c/3.ndjson")
    os.utime(events / "b/c", ns=(at, at))
    assert digest.now() != first


def test_the_digest_is_that_of_the_names_wherever_they_lie_and_however_often(
    tmp_path: Path,
) -> None:
    def of(*names: str) -> str:
        settings = Settings(home=tmp_path / str(len(list(tmp_path.iterdir()))), landing_url="")
        landed(Path(settings.landing), "events/x", *names)
        return LandingDigest(settings).now()

    one = of("events/a/1.ndjson")
    assert of() == ""
    assert one == of("quarantine/1.ndjson.gz") == of("open/1.ndjson", "events/1.jsonl")
    assert one != of("events/a/1.ndjson", "events/b/1.ndjson")
    assert one != of("events/2.ndjson")


def test_a_landing_elsewhere_has_the_same_digest(tmp_path: Path) -> None:
    here = Settings(home=tmp_path, landing_url="")
    names = ("events/a/1.ndjson", "quarantine/2.ndjson", "events/.3.ndjson", "manifest/4.json")
    landed(Path(here.landing), *names)
    for name in names:
        fsspec.filesystem("memory").pipe(f"/{tmp_path.name}/{name}", b"{}\n")
    there = Settings(home=tmp_path / "there", landing_url=f"memory://{tmp_path.name}")
    assert LandingDigest(there).now() == LandingDigest(here).now() != ""


def mark(site: Site, run_id: str, asset: dg.AssetKey, partition: str | None) -> None:
    """Write a materialization as a step does."""
    made = dg.AssetMaterialization(asset, partition=partition)
    site.instance.report_dagster_event(
        dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="nightly",
            event_specific_data=StepMaterializationData(made),
        ),
        run_id,
    )


def test_old_runs_of_the_sensor_go_and_days_stay_marked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival_runs, "KEPT_RUNS", 2)
    days, events = dg.AssetKey(RECEIVED_DAYS), dg.AssetKey(["raw", "events"])
    nights = [site.run(dg.DagsterRunStatus.SUCCESS)]
    runs = []
    for day in ("2026-03-01", "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-03"):
        runs.append(site.run(dg.DagsterRunStatus.SUCCESS, **{SENSOR_NAME_TAG: SENSOR}))
        mark(site, runs[-1], days, day)
        mark(site, runs[-1], events, None)
        output = site.settings.dagster_home / "storage" / runs[-1] / "compute_logs"
        output.mkdir(parents=True)

    assert forget_old_runs(site.settings, site.instance) == 3
    assert forget_old_runs(site.settings, site.instance) == 0

    assert {run.run_id for run in site.instance.get_runs()} == {*nights, *runs[3:]}
    kept = site.instance.get_materialized_partitions(days)
    assert kept == {"2026-03-01", "2026-03-02", "2026-03-03"}
    left = site.instance.fetch_materializations(events, limit=10).records
    assert [record.run_id for record in left] == [runs[4], runs[3]]
    marks = site.instance.fetch_materializations(days, limit=10).records
    assert [record.run_id for record in marks] == [runs[4], runs[3], runs[2], runs[1]]
    storage = site.settings.dagster_home / "storage"
    assert {path.name for path in storage.iterdir() if path.is_dir()} >= set(runs[3:])
    assert not {path.name for path in storage.iterdir()} & set(runs[:3])
    logs = site.settings.dagster_home / "history" / "runs"
    assert not {path.stem for path in logs.glob("*.db")} & set(runs[:3])


def test_checks_of_forgotten_runs_go_with_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own deletion of a run leaves the executions of its checks for ever."""
    monkeypatch.setattr(arrival_runs, "KEPT_RUNS", 1)
    key = dg.AssetCheckKey(dg.AssetKey(["raw", "events"]), "is_fresh")
    for _ in range(3):
        run_id = site.run(dg.DagsterRunStatus.SUCCESS, **{SENSOR_NAME_TAG: SENSOR})
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key.asset_key, check_name=key.name, passed=True, metadata={}
        )
        site.instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                job_name="nightly",
                event_specific_data=evaluation,
            ),
            run_id,
        )
    storage = site.instance.event_log_storage
    assert len(storage.get_asset_check_execution_history(key, limit=10)) == 3
    assert forget_old_runs(site.settings, site.instance) == 2
    assert len(storage.get_asset_check_execution_history(key, limit=10)) == 1


def test_a_look_forgets_before_it_asks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival_runs, "KEPT_RUNS", 1)
    for _ in range(2):
        site.run(dg.DagsterRunStatus.SUCCESS, **{SENSOR_NAME_TAG: SENSOR})
    site.land(f"events/{datetime.now(UTC).timestamp()}.ndjson")
    assert isinstance(site.tick(), dg.RunRequest)
    assert site.instance.get_runs_count() == 1
