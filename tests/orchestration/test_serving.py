"""What a server starts, and what is made ready before."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingestion.settings import Settings
from orchestration import prepare as preparing
from orchestration.builds import POOL
from orchestration.prepare import NotPrepared, manifest_path, prepare
from orchestration.serving import CODE, DAEMON, WEBSERVER, become, command, dagster_environment


def test_a_home_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ("a" * 100))

    with pytest.raises(NotPrepared, match=r"FOOTFALL_HOME: .* is too long for a socket"):
        become(settings, DAEMON)
    assert not settings.home.exists()


def test_the_ui_listens_where_the_settings_say() -> None:
    listening = command(Settings(ui_host="::1", ui_port=3100), WEBSERVER)

    assert listening[-4:] == ["--host", "::1", "--port", "3100"]


def test_every_process_finds_the_same_home_whatever_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=Path("here"), dbt_project=Path("models"))

    environment = dagster_environment(settings)
    assert environment["FOOTFALL_HOME"] == str(tmp_path / "here")
    assert environment["FOOTFALL_DBT_PROJECT"] == str(tmp_path / "models")
    assert environment["DAGSTER_HOME"] == str(tmp_path / "here" / "dagster")
    assert str(tmp_path / "here" / "dagster" / "code.sock") in command(settings, CODE)


class Parses:
    """In the place of dbt: writes a manifest, and counts how often."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.count = 0

    def __call__(self, *_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        self.count += 1
        manifest_path(self.settings).parent.mkdir(parents=True, exist_ok=True)
        manifest_path(self.settings).write_text("{}")
        return subprocess.CompletedProcess([], 0, "", "")


@pytest.fixture
def parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parses:
    """A project of one model."""
    project = tmp_path / "project"
    (project / "marts").mkdir(parents=True)
    (project / "marts" / "fct_things.sql").write_text("select 1")
    parses = Parses(Settings(home=tmp_path / "home", dbt_project=project))
    monkeypatch.setattr("orchestration.prepare.subprocess.run", parses)
    return parses


def test_a_project_is_parsed_once(parses: Parses) -> None:
    prepare(parses.settings)
    prepare(parses.settings)

    (parses.settings.dbt_project / "logs").mkdir()
    (parses.settings.dbt_project / "logs" / "dbt.log").write_text("written by dbt")
    prepare(parses.settings)
    assert parses.count == 1


def test_a_changed_project_is_parsed_however_old_its_files_say_they_are(parses: Parses) -> None:
    """An image built before the home was last started has files older than the manifest."""
    prepare(parses.settings)
    model = parses.settings.dbt_project / "marts" / "fct_things.sql"
    model.write_text("select 2")
    os.utime(model, (0, 0))
    prepare(parses.settings)
    assert parses.count == 2

    model.rename(model.with_name("fct_stuff.sql"))
    prepare(parses.settings)
    assert parses.count == 3


def test_a_manifest_that_was_not_finished_is_made_again(parses: Parses) -> None:
    prepare(parses.settings)
    shutil.rmtree(manifest_path(parses.settings).parent)
    prepare(parses.settings)
    assert parses.count == 2


def test_an_older_instance_file_is_replaced_and_the_same_one_left_alone(parses: Parses) -> None:
    prepare(parses.settings)
    instance = parses.settings.dagster_home / "dagster.yaml"
    os.utime(instance, (0, 0))
    prepare(parses.settings)
    assert instance.stat().st_mtime == 0

    instance.write_text("telemetry: {enabled: true}")
    prepare(parses.settings)
    assert instance.read_bytes() == preparing.INSTANCE.read_bytes()


def test_a_new_home_has_one_place_for_writers_before_a_daemon_looks(parses: Parses) -> None:
    prepare(parses.settings)

    with dg.DagsterInstance.from_config(str(parses.settings.dagster_home)) as instance:
        limits = instance.event_log_storage.get_pool_limits()
    assert [(pool.name, pool.limit) for pool in limits] == [(POOL, 1)]
