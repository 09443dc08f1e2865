"""Events are in the tables soon after they arrive, and nothing that arrives makes runs pile up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import SENSOR_NAME_TAG

from ingestion.settings import Settings
from orchestration import arrival_runs, sensors
from orchestration.arrival_runs import SENSOR, forget_old_runs, free_at
from orchestration.builds import RECEIVED_DAYS
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
    assert site.tick() == "nothing new"
    opened.unlink()
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
        "open/seal.request",
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
    monkeypatch.setattr(sensors, "_settings", away)
    said = site.tick()
    assert isinstance(said, str)
    assert said.startswith("FOOTFALL_LANDING_URL: ")


def test_runs_that_fail_are_asked_for_ever_more_rarely(site: Site) -> None:
    """Each is an alert: a site that lands a file each minute would tell 1,440 a day."""
    pauses = []
    for _ in range(10):
        site.run(dg.DagsterRunStatus.FAILURE)
        ended_at = site.instance.get_run_records(limit=1)[0].update_timestamp.timestamp()
        pauses.append(free_at(site.instance, "nightly") - ended_at)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    site.land("events/a.ndjson")
    assert str(site.tick()).startswith("the last run failed: the next try is ")
    site.run(dg.DagsterRunStatus.CANCELED)
    site.run(dg.DagsterRunStatus.SUCCESS, job="watch")
    assert free_at(site.instance, "nightly")
    site.run(dg.DagsterRunStatus.SUCCESS)
    assert free_at(site.instance, "nightly") == 0
    assert isinstance(site.tick(), dg.RunRequest)


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
