"""What a server starts, and what is made ready before."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingestion.settings import Settings
from orchestration.dagster_internals import INDEX, RECORDS
from orchestration.prepare import POOL, instance_file, prepare
from orchestration.serving import (
    CHECKOUT,
    CODE,
    DAEMON,
    WEBSERVER,
    become,
    command,
    dagster_environment,
)
from transformation.manifest import NotPrepared, manifest_path, read_manifest


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
    # Dagster's daemon and webserver look nowhere else for the class of the event log.
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(CHECKOUT)


class Parses:
    """In the place of dbt: writes a manifest, and counts how often."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.count = 0

    def __call__(
        self, *_: Any, env: Mapping[str, str], **__: Any
    ) -> subprocess.CompletedProcess[str]:
        self.count += 1
        folder = Path(env["DBT_TARGET_PATH"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text('{"nodes": {}}')
        (folder / "partial_parse.msgpack").write_bytes(b"parsed")
        return subprocess.CompletedProcess([], 0, "", "")


@pytest.fixture
def parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parses:
    """A project of one model."""
    project = tmp_path / "project"
    (project / "marts").mkdir(parents=True)
    (project / "marts" / "fct_things.sql").write_text("select 1")
    parses = Parses(Settings(home=tmp_path / "home", dbt_project=project))
    monkeypatch.setattr("transformation.manifest.subprocess.run", parses)
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


def test_a_project_is_parsed_for_the_days_of_its_zone(parses: Parses) -> None:
    """The day of an event in the semantic models is that of the reporting time zone."""
    prepare(parses.settings)
    prepare(parses.settings.model_copy(update={"reporting_time_zone": "Europe/Vienna"}))
    assert parses.count == 2


Damage = Callable[[bytes], bytes]
#: What a kill, a full disk or another program leaves of a file.
DAMAGES: dict[str, Damage] = {
    "half": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "garbage": lambda whole: b"\x00\xff{]" * 100,
    "JSON": lambda whole: b"{}",
    "bent": lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
}


@pytest.fixture(params=DAMAGES)
def damage(request: pytest.FixtureRequest) -> Damage:
    return DAMAGES[request.param]


def test_a_damaged_manifest_is_made_again(parses: Parses, damage: Damage) -> None:
    """A torn one made every run, every job and the code location end in a JSONDecodeError."""
    prepare(parses.settings)
    kept = manifest_path(parses.settings)
    whole = kept.read_bytes()

    kept.write_bytes(damage(whole))
    prepare(parses.settings)
    assert kept.read_bytes() == whole

    kept.write_bytes(damage(whole))
    assert read_manifest(parses.settings) == {"nodes": {}}
    assert kept.read_bytes() == whole


def test_a_missing_manifest_is_made_where_it_is_read(parses: Parses) -> None:
    assert read_manifest(parses.settings) == {"nodes": {}}
    assert parses.count == 1


def test_a_manifest_of_another_project_is_not_taken_for_ours(parses: Parses) -> None:
    """An older version and back made every run fail with a KeyError."""
    prepare(parses.settings)
    ours = manifest_path(parses.settings).read_bytes()
    (parses.settings.dbt_project / "marts" / "fct_new.sql").write_text("select 1")
    prepare(parses.settings)
    assert manifest_path(parses.settings).read_bytes() != ours

    manifest_path(parses.settings).write_bytes(ours)
    read_manifest(parses.settings)
    assert parses.count == 3


def test_a_build_does_not_touch_the_manifest_that_dagster_reads(parses: Parses) -> None:
    """dbt writes its own in place: whoever reads at that moment, or after a kill, has half."""
    target = Path(dagster_environment(parses.settings)["DBT_TARGET_PATH"])
    assert not manifest_path(parses.settings).is_relative_to(target)


def test_what_dbt_parsed_is_there_for_the_build(parses: Parses) -> None:
    prepare(parses.settings)
    target = Path(dagster_environment(parses.settings)["DBT_TARGET_PATH"])
    assert (target / "partial_parse.msgpack").read_bytes() == b"parsed"


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("kind", ["half", "garbage"])
def test_a_damaged_record_of_dagster_is_named(parses: Parses, name: str, kind: str) -> None:
    prepare(parses.settings)
    path = parses.settings.dagster_home / name
    path.write_bytes(DAMAGES[kind](path.read_bytes()))

    with pytest.raises(NotPrepared, match=f"^{re.escape(str(path))} cannot be read .*: move"):
        prepare(parses.settings)
    folder = parses.settings.dagster_home / Path(name).parts[0]
    folder.rename(folder.with_name("away"))
    prepare(parses.settings)
    assert limits_of(parses.settings) == [(POOL, 1)]


@pytest.mark.parametrize("name", RECORDS)
def test_an_empty_record_of_dagster_is_begun_anew(parses: Parses, name: str) -> None:
    prepare(parses.settings)
    (parses.settings.dagster_home / name).write_bytes(b"")

    prepare(parses.settings)
    assert limits_of(parses.settings) == [(POOL, 1)]


def test_a_record_that_dagster_was_killed_while_making_is_made_again(parses: Parses) -> None:
    index = parses.settings.dagster_home / INDEX
    index.parent.mkdir(parents=True)
    with sqlite3.connect(index) as database:
        database.execute("create table event_logs (id integer)")
    database.close()

    prepare(parses.settings)
    assert limits_of(parses.settings) == [(POOL, 1)]


def test_an_older_instance_file_is_replaced_and_the_same_one_left_alone(parses: Parses) -> None:
    prepare(parses.settings)
    instance = parses.settings.dagster_home / "dagster.yaml"
    os.utime(instance, (0, 0))
    prepare(parses.settings)
    assert instance.stat().st_mtime == 0

    for other in (b"telemetry: {enabled: true}", b"", b"\x00\xff{]"):
        instance.write_bytes(other)
        prepare(parses.settings)
        assert instance.read_bytes() == instance_file(parses.settings.dagster_home)


def test_a_new_home_has_one_place_for_writers_before_a_daemon_looks(parses: Parses) -> None:
    prepare(parses.settings)

    assert limits_of(parses.settings) == [(POOL, 1)]


def limits_of(settings: Settings) -> list[tuple[str, int]]:
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        return [(pool.name, pool.limit) for pool in instance.event_log_storage.get_pool_limits()]
