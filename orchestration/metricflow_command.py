"""`python -m orchestration mf …`: MetricFlow's own command `mf`, on the published file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from transformation.dbt_command import dbt_environment
from transformation.manifest import NotPrepared, keep_manifest, parsed_folder, turn_to_prepare

#: What dbt calls its file of semantic models and metrics.
SEMANTIC_MANIFEST: Final = "semantic_manifest.json"
PROJECT: Final = {"name": "footfall", "profile": "footfall", "config-version": 2}


def run(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `mf` with these arguments; returns its exit code.

    Raises NotPrepared, which says what to do.
    """
    if not settings.published.exists():
        raise NotPrepared(
            f"nothing is published yet: there is no {settings.published}; run make nightly"
        )
    sys.modules["update_checker"] = _no_updates()
    try:
        from dbt_metricflow.cli.main import cli
    except ImportError as error:
        raise NotPrepared(
            f"MetricFlow is not installed here ({error}): run in the checkout "
            f"{sys.executable} -m pip install '.[metrics]'"
        ) from error
    folder = metricflow_project(settings)
    os.environ.update(
        dbt_environment(settings)
        | {"DBT_PROJECT_DIR": str(folder), "DBT_PROFILES_DIR": str(folder)}
        | {"DBT_TARGET_PATH": str(folder / "target")}
    )
    cli(list(arguments), prog_name="mf")
    return 0


def metricflow_project(settings: Settings) -> Path:
    """The folder that `mf` reads: our metrics, and a connection to the published file.

    `mf` finds the metrics of a dbt project only in its folder `target`, whatever dbt is told.
    """
    folder = settings.home / "dbt" / "metricflow"
    (folder / "target").mkdir(parents=True, exist_ok=True)
    published = {
        "type": "duckdb",
        "path": str(settings.published),
        "threads": 1,
        "config_options": {"access_mode": "READ_ONLY"},
        "settings": {"TimeZone": "UTC", "memory_limit": settings.explorer_memory},
    }
    profile = {"footfall": {"target": "published", "outputs": {"published": published}}}
    with turn_to_prepare(settings):
        keep_manifest(settings)
        metrics = (parsed_folder(settings) / SEMANTIC_MANIFEST).read_bytes()
    if not json.loads(metrics)["metrics"]:
        raise NotPrepared(
            f"{settings.dbt_project} has no metrics: it is older than they are. Copy "
            "marts/*/_*__metrics.yml and marts/_marts__saved_queries.yml of the checkout into it"
        )
    # JSON is YAML too.
    replace_file(folder / "dbt_project.yml", json.dumps(PROJECT).encode())
    replace_file(folder / "profiles.yml", json.dumps(profile).encode())
    replace_file(folder / "target" / SEMANTIC_MANIFEST, metrics)
    return folder


def _no_updates() -> ModuleType:
    """In place of a library that asks PyPI at each start whether there is a newer `mf`.

    It also keeps the answer as a pickle in a folder that every user of the machine may write to.
    """

    class UpdateChecker:
        def check(self, *_: object) -> None:
            """Nothing newer."""

    module = ModuleType("update_checker")
    module.UpdateChecker = UpdateChecker  # type: ignore[attr-defined]
    return module
