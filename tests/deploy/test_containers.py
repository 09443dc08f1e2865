"""Containerfile and compose file hold together, and with the units; no engine is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import footfall
from ingestion.settings import PREFIX, Settings
from orchestration.serving import code_socket
from tests.deploy.files import (
    CHECKOUT,
    DEPLOY,
    HOME,
    INSTALLED,
    compose,
    containerfile,
    image_command,
    image_environment,
    services,
)

ROLES = ["collector", "code", "daemon", "webserver", "explorer"]
Locked = dict[str, tuple[str, list[str]]]


def locked(path: Path) -> Locked:
    """Of each package in a lock, the line that pins it and its hashes."""
    packages: Locked = {}
    for block in re.split(r"\n(?=[a-z0-9])", path.read_text(), flags=re.IGNORECASE):
        if match := re.match(r"([\w.-]+)(\[[\w,-]+\])?==[^\\]+", block):
            hashes = sorted(re.findall(r"--hash=\S+", block))
            packages[canonicalize_name(match[1])] = (match[0].strip(), hashes)
    return packages


def needed(extras: set[str]) -> set[str]:
    """Every package that some extras of the project bring on this machine."""
    found: set[str] = set()
    waiting = [("footfall", extras)]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": each}) for each in {"", *wanted}):
                continue
            key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if key not in seen:
                seen.add(key)
                found.add(key[0])
                waiting.append((key[0], set(key[1])))
    return found


def test_the_containerfile_has_no_finding_of_hadolint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--no-color", DEPLOY / "Containerfile"],
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_built_in_stages_and_runs_as_nobody_special() -> None:
    instructions = containerfile()

    stages = [text for name, text in instructions if name == "FROM"]
    assert len(stages) == 2
    assert all(re.search(r":\d+\.\d+-\S+", stage) for stage in stages)
    last = [name for name, _ in instructions][::-1]
    user = next(text for name, text in reversed(instructions) if name == "USER")
    assert user.isdigit()
    assert int(user) > 0
    assert last.index("USER") < last.index("RUN"), "nothing is made after the user is named"
    assert f"--uid {user} --home-dir {HOME}" in str(instructions)
    assert ("VOLUME", HOME) in instructions
    assert next(text for name, text in instructions if name == "WORKDIR") == INSTALLED


def test_the_image_installs_what_is_locked_by_hash_and_nothing_else() -> None:
    installs = [text for name, text in containerfile() if name == "RUN" and "pip install" in text]

    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert ("COPY", "deploy/requirements.lock ./") in containerfile()


def test_the_lock_of_the_image_is_a_part_of_the_lock_that_is_tested() -> None:
    everything, image = locked(CHECKOUT / "requirements.lock"), locked(DEPLOY / "requirements.lock")

    assert image
    assert {name: everything.get(name) for name in image} == image
    assert not {"pytest", "ruff", "mypy", "hypothesis", "posthog"} & set(image)


def test_the_lock_of_the_image_has_all_that_the_roles_import() -> None:
    try:
        packages = needed({"collector", "warehouse", "explorer"})
    except PackageNotFoundError as error:
        pytest.fail(f"the environment lacks {error}")

    assert {"dagster", "dbt-duckdb", "granian", "duckdb"} <= packages
    assert packages - set(locked(DEPLOY / "requirements.lock")) == set()


def test_what_the_image_copies_is_there_and_sent_to_the_engine() -> None:
    """Everything else, data and .venv first of all, stays where it is."""
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for name, text in containerfile()
        if name == "COPY" and not text.startswith("--from")
        for source in text.split()[:-1]
    }
    assert copied == sent
    assert all((CHECKOUT / source).exists() for source in copied)


def test_the_image_has_every_package_of_the_checkout() -> None:
    """One that is missing shows when the first role starts."""
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    packages = settings["tool"]["importlinter"]["root_packages"]
    copied = {text.split()[0] for name, text in containerfile() if name == "COPY"}
    assert set(packages) - copied == set()


def test_compose_runs_what_the_units_run() -> None:
    document = compose()

    assert list(document["services"]) == ROLES
    for role, unit in services().items():
        service = document["services"][role]
        started = unit["Service"]["ExecStart"][0].split()
        assert started[0] == f"{INSTALLED}/.venv/bin/python"
        assert service["command"] == ["python", *started[1:]]
        assert service["stop_grace_period"] == f"{unit['Service']['TimeoutStopSec'][0]}s"
    assert image_command() == document["services"]["collector"]["command"]


@pytest.mark.parametrize("role", ROLES)
def test_a_service_can_write_its_home_and_nothing_else(role: str) -> None:
    service = compose()["services"][role]

    assert service["image"] == f"footfall:{footfall.__version__}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "on-failure"
    assert {"privileged", "user", "network_mode"} & set(service) == set()
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert writable == [f"home:{HOME}"]


def test_ports_are_this_machines_own_and_those_of_the_settings() -> None:
    settings = Settings()
    ports = {role: compose()["services"][role].get("ports", []) for role in ROLES}

    assert ports == {
        "collector": [f"127.0.0.1:{settings.port}:{settings.port}"],
        "code": [],
        "daemon": [],
        "webserver": [f"127.0.0.1:{settings.ui_port}:{settings.ui_port}"],
        "explorer": [f"127.0.0.1:{settings.explorer_port}:{settings.explorer_port}"],
    }


def test_the_collector_believes_the_engines_end_of_the_network_and_no_other() -> None:
    network = compose()["networks"]["default"]["ipam"]["config"][0]
    trusted = compose()["services"]["collector"]["environment"][f"{PREFIX}TRUSTED_PROXIES"]

    assert trusted == network["gateway"]


def test_the_variables_of_image_and_services_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for role in ROLES:
        for name, value in compose()["services"][role].get("environment", {}).items():
            assert name in known
            monkeypatch.setenv(name, value)
    image = image_environment()
    monkeypatch.setenv(f"{PREFIX}HOME", image[f"{PREFIX}HOME"])
    settings = Settings()

    assert image["DAGSTER_HOME"] == str(settings.dagster_home)
    assert image["PATH"].startswith(f"{INSTALLED}/.venv/bin:")
    assert str(code_socket(settings)) in compose()["services"]["code"]["healthcheck"]["test"]
