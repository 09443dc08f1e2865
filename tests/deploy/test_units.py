"""The systemd units are whole: they load, they are hardened, and what they name is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ingestion.collector.sealer import CLOSING_SECONDS
from ingestion.collector.server import SPARE_FILES
from ingestion.settings import PREFIX, Settings
from tests.deploy.files import (
    CHECKOUT,
    HOME,
    INSTALLED,
    UNITS,
    environment,
    read_unit,
    services,
)

ROLES = ["code", "collector", "daemon", "explorer", "webserver"]
#: A unit that lost one of these would still start.
HARDENED = {
    "User": "footfall",
    "NoNewPrivileges": "true",
    "ProtectSystem": "strict",
    "ReadWritePaths": HOME,
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "CapabilityBoundingSet": "",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter": "@system-service",
    "UMask": "0027",
}
SECTIONS = {"Unit", "Service", "Install"}


def only(values: list[str]) -> str:
    """The value of a key that is set once."""
    (value,) = values
    return value


def test_there_is_a_unit_for_each_role() -> None:
    assert list(services()) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_a_unit_is_hardened_and_comes_back_after_a_failure(role: str) -> None:
    service = services()[role]["Service"]

    assert {key: only(service[key]) for key in HARDENED} == HARDENED
    assert only(service["Restart"]) == "on-failure"
    assert only(service["EnvironmentFile"]) == "/etc/footfall/footfall.env"
    assert only(service["WorkingDirectory"]) == INSTALLED
    # What a program answers when a setting is wrong.
    assert only(service["RestartPreventExitStatus"]) == "2"


@pytest.mark.parametrize("role", ROLES)
def test_a_unit_starts_and_stops_with_the_target(role: str) -> None:
    unit = services()[role]

    assert set(unit) == SECTIONS
    assert only(unit["Unit"]["PartOf"]) == "footfall.target"
    assert only(unit["Install"]["WantedBy"]) == "footfall.target"
    assert only(read_unit(UNITS / "footfall.target")["Install"]["WantedBy"]) == "multi-user.target"


def test_the_collector_may_seal_what_is_open_before_it_is_killed() -> None:
    settings = Settings()
    service = services()["collector"]["Service"]

    patience = int(only(service["TimeoutStopSec"]))
    assert patience > settings.body_seconds + CLOSING_SECONDS
    assert int(only(service["LimitNOFILE"])) >= settings.connections + SPARE_FILES


def test_the_home_is_the_folder_that_the_units_may_write() -> None:
    service = services()["collector"]["Service"]

    assert environment()[f"{PREFIX}HOME"] == HOME
    assert f"/var/lib/{only(service['StateDirectory'])}" == HOME
    assert HOME in (UNITS / "footfall.sysusers.conf").read_text()


def test_every_variable_is_a_setting_and_has_a_value_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    variables = environment()

    assert set(variables) <= known
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(Settings().home) == HOME


def test_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    """Only where systemd is; the tests above read the same files everywhere."""
    analyze = shutil.which("systemd-analyze")
    units = installed_units(tmp_path)
    if analyze is None:
        return
    done = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, units)],
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def installed_units(folder: Path) -> list[Path]:
    """The units as installed, with this checkout in the place of the one they name."""
    copied = shutil.copytree(UNITS, folder / "systemd")
    for path in copied.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace(INSTALLED, str(CHECKOUT)))
    return [*copied.glob("*.service"), *copied.glob("*.target")]
