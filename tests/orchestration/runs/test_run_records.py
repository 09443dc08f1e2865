"""What Dagster and dbt wrote of a person goes; every other record of theirs stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingestion.settings import Settings
from orchestration.dagster_internals import hide_config
from orchestration.prepare import INSTANCE, instance_file
from orchestration.runs.run_log import log_path, new_log
from orchestration.runs.run_records import ERASURES, forget_in_dagster, forget_in_dbt

WHO = "user-of-a-trace"


@dg.op
def quote(context: dg.OpExecutionContext) -> None:
    """Fail as DuckDB does, with the data in the text; or only print it."""
    if context.run.tags.get("fails"):
        raise ValueError(f"Conversion Error: Could not convert string '{WHO}' to INT64")
    if context.run.tags.get("prints"):
        print(f"row 184: {WHO}, paid")


@dg.op(name="erase", config_schema={"user_id": str})
def erase_op() -> None:
    """Never begins."""


@dg.job
def quoting() -> None:
    """One op."""
    quote()


@dg.job(name=ERASURES)
def erasing() -> None:
    """An erasure that waits in the queue."""
    erase_op()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / INSTANCE.name).write_bytes(instance_file(settings.dagster_home))
    return settings


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def run(instance: dg.DagsterInstance, **tags: str) -> str:
    result = quoting.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    assert result.success == ("fails" not in tags)
    return result.run_id


def places(settings: Settings, name: str = WHO) -> list[Path]:
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    return [path for path in files if name.encode() in path.read_bytes()]


def test_a_failed_run_whose_error_names_the_person_goes_and_others_stay(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    good, bad = run(instance), run(instance, fails="1")
    assert places(settings)

    gone = forget_in_dagster(settings, {WHO, "184"})

    assert gone["dagster, failed runs"] == 1
    assert places(settings) == []
    assert instance.get_run_by_id(bad) is None
    stays = instance.get_run_by_id(good)
    assert stays is not None
    assert stays.is_success
    assert instance.all_logs(good)


def test_a_failed_run_that_names_somebody_else_stays(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    failed = run(instance, fails="1")

    gone = forget_in_dagster(settings, {WHO[:-1], f"{WHO}2"})

    assert set(gone.values()) == {0}
    assert instance.all_logs(failed)


def test_a_console_log_that_names_the_person_goes(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    printed = run(instance, prints="1")
    assert places(settings)

    gone = forget_in_dagster(settings, {WHO})

    assert gone["dagster, console logs"] == 1
    assert places(settings) == []
    assert instance.get_run_by_id(printed) is not None


def test_an_erasure_that_never_began_goes_with_its_config(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    config: dict[str, Any] = {"ops": {"erase": {"config": {"user_id": WHO}}}}
    waiting = instance.create_run_for_job(erasing, run_config=config)
    other = instance.create_run_for_job(
        erasing, run_config={"ops": {"erase": {"config": {"user_id": "another"}}}}
    )

    assert forget_in_dagster(settings, {WHO}, running=waiting.run_id)["dagster, failed runs"] == 0
    assert forget_in_dagster(settings, {WHO})["dagster, failed runs"] == 1

    assert places(settings) == []
    assert instance.get_run_by_id(other.run_id) is not None


def test_a_hidden_config_is_gone_from_the_file_and_is_what_a_retry_reads(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    config: dict[str, Any] = {"ops": {"erase": {"config": {"user_id": WHO}}}, "loggers": {}}
    running = instance.create_run_for_job(erasing, run_config=config)

    hide_config(settings.dagster_home, running.run_id, "erase", {"subject": "user:00"})

    assert places(settings) == []
    found = instance.get_run_by_id(running.run_id)
    assert found is not None
    assert found.run_config == {"ops": {"erase": {"config": {"subject": "user:00"}}}, "loggers": {}}


def test_a_home_without_dagster_has_nothing_to_forget(tmp_path: Path) -> None:
    assert forget_in_dagster(Settings(home=tmp_path), {WHO}) == {}


def test_dbts_logs_and_results_go_and_its_project_stays(settings: Settings) -> None:
    folder = settings.home / "dbt" / "manifest"
    folder.mkdir(parents=True)
    for name in ("dbt.log", "dbt.log.1", "run_results.json", "manifest.json"):
        (folder / name).write_text(WHO)

    with new_log(settings, "code") as log:
        log.write(WHO.encode())
        log.flush()
        assert forget_in_dbt(settings) == 4
        log.write(b"and on")

    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    assert log_path(settings, "code").read_bytes() == b"and on"
