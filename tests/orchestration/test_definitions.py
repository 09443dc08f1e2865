"""The definitions hold together as a whole, as the UI and the daemon load them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.prepared import furnish
from tests.warm import run_code

CHECKOUT = Path(__file__).parents[2]
# Each job resolved by itself is not yet a repository: an op with a job's name broke only that,
# and with it the UI and the daemon, while `python -m orchestration run` went on working.
PROGRAM = """
import json
import dagster as dg
from orchestration.definitions import CHECKS, defs
repository = defs.get_repository_def()
repository.load_all_definitions()
def asked(schedule):
    with dg.DagsterInstance.ephemeral() as instance:
        tick = schedule.evaluate_tick(dg.build_schedule_context(instance))
    (request,) = tick.run_requests
    dg.validate_run_config(repository.get_job(schedule.job_name), request.run_config)
    return schedule.job_name
print(json.dumps({
    "scheduled": [asked(schedule) for schedule in repository.schedule_defs],
    "jobs": [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")],
    "checks": [key.name for checks in CHECKS for key in checks.check_keys],
    "owners": [
        owner
        for node in repository.asset_graph.asset_nodes
        for owner in node.owners or ["nobody"]
    ],
}))
"""

# What Dagster makes of dbt's project: every word that the UI shows of it.
MADE = """
import gc, json, re, sys
from orchestration.definitions import defs
full = gc.get_stats()[2]["collections"]
from orchestration.assets import model_assets
def plain(value):
    said = repr(sorted(value) if isinstance(value, (set, frozenset)) else value)
    return re.sub(r" at 0x[0-9a-f]+", "", said)
print(json.dumps({
    "assets": sorted(
        [spec.key.to_user_string(), *(plain(getattr(spec, name)) for name in (
            "group_name", "description", "kinds", "tags", "metadata", "freshness_policy", "owners",
            "code_version", "skippable",
        )), sorted(dep.asset_key.to_user_string() for dep in spec.deps)]
        for spec in model_assets.specs
    ),
    "checks": sorted(
        [repr(spec.key), *(plain(getattr(spec, name)) for name in (
            "description", "blocking", "metadata",
        )), sorted(dep.asset_key.to_user_string() for dep in spec.additional_deps)]
        for spec in model_assets.check_specs
    ),
    "modules": sorted(sys.modules),
    "full_collections": full,
}))
"""
#: What a run that finds nothing to do has no use for.
SPARED = ("dbt", "dbt_common", "dagster._daemon", "structlog", "sklearn", "networkx", "pandas")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    furnish(Settings(home=home))
    return home


@pytest.fixture(scope="module")
def loaded(home: Path) -> dict[str, list[str]]:
    """The names of the jobs, of the checks that are no dbt tests, and of who owns the assets."""
    return load_definitions(home)


def load_definitions(home: Path) -> dict[str, list[str]]:
    environment = {"FOOTFALL_HOME": str(home), "FOOTFALL_OWNER": "data@shop.example"}
    done = run_code(PROGRAM, environment=os.environ | environment)
    assert done.returncode == 0, done.stderr
    names: dict[str, list[str]] = json.loads(done.stdout)
    return names


def test_definitions_load_from_a_home_in_which_all_that_dbt_wrote_is_torn(
    home: Path, loaded: dict[str, list[str]], tmp_path: Path
) -> None:
    """The code location comes back without a prepare before it."""
    torn = tmp_path / "home"
    shutil.copytree(home, torn)
    files = [path for path in (torn / "dbt").rglob("*") if path.is_file()]
    assert {"parsed_manifest", "partial_parse.msgpack"} <= {path.name for path in files}
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert sorted(load_definitions(torn)["checks"]) == sorted(loaded["checks"])


def test_the_definitions_load_as_one_repository(loaded: dict[str, list[str]]) -> None:
    assert {"nightly", "full_refresh", "reload_files", "sweep"} <= set(loaded["jobs"])


def test_schedules_ask_for_what_their_jobs_take(loaded: dict[str, list[str]]) -> None:
    assert sorted(loaded["scheduled"]) == ["nightly", "pull", "sweep", "watch"]


def test_whoever_is_called_finds_every_job_and_check_in_the_runbook(
    loaded: dict[str, list[str]],
) -> None:
    runbook = (CHECKOUT / "docs" / "operations.md").read_text()
    names = loaded["jobs"] + loaded["checks"]

    assert len(loaded["checks"]) >= 3
    assert [name for name in names if f"`{name}`" not in runbook] == []


def test_every_asset_names_the_owner_of_the_settings(loaded: dict[str, list[str]]) -> None:
    assert set(loaded["owners"]) == {"data@shop.example"}


def made(home: Path, before: str = "") -> dict[str, Any]:
    """What a process of its own makes of the project; ``before`` runs first."""
    done = subprocess.run(
        [sys.executable, "-c", before + MADE],
        cwd=CHECKOUT,
        # Kinds are a set, of which Dagster makes tags in its order.
        env=os.environ | {"FOOTFALL_HOME": str(home), "PYTHONHASHSEED": "0"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def without_dbt(home: Path) -> dict[str, Any]:
    """What a process makes of the project that has nothing else to do."""
    return made(home)


def test_the_definitions_are_the_same_without_the_libraries_of_dbt(
    home: Path, without_dbt: dict[str, Any]
) -> None:
    told = made(home, before="import dbt.version\n")

    assert "dbt.version" in told["modules"]
    assert [name for name in SPARED if name in without_dbt["modules"]] == []
    for name in ("assets", "checks"):
        assert without_dbt[name] == told[name]
        assert told[name]


def test_dbt_can_be_run_in_a_process_that_has_the_definitions(home: Path) -> None:
    after = "import orchestration.definitions\nfrom dbt.cli.main import dbtRunner\n"

    assert "dbt.version" in made(home, before=after)["modules"]


def test_importing_the_definitions_looks_for_little_garbage(without_dbt: dict[str, Any]) -> None:
    """Of what is imported nothing goes, and at Python's threshold all of it is looked at often."""
    assert without_dbt["full_collections"] == 0
