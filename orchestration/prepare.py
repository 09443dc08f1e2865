"""What must stand before Dagster starts: the folders, dagster.yaml and dbt's manifest."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ingestion.settings import Settings
from orchestration.dbt_command import DBT, dbt_environment

INSTANCE = Path(__file__).with_name("dagster.yaml")


class NotPrepared(RuntimeError):
    """Something the orchestration needs cannot be made."""


def manifest_path(settings: Settings) -> Path:
    """Where dbt's manifest lies: what Dagster reads the models from."""
    return settings.home / "dbt" / "manifest" / "manifest.json"


def prepare(settings: Settings) -> None:
    """Make what is missing or out of date; cheap when nothing is.

    Raises NotPrepared with what to do where the home cannot be written or the project does
    not parse.
    """
    try:
        for folder in (settings.dagster_home, settings.warehouse.parent, settings.published.parent):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(INSTANCE, settings.dagster_home / "dagster.yaml")
    except OSError as error:
        raise NotPrepared(
            f"FOOTFALL_HOME: {settings.home} cannot be written ({error.strerror}): "
            "name a folder that this user may write to"
        ) from error
    manifest = manifest_path(settings)
    if manifest.exists() and manifest.stat().st_mtime > _newest(settings.dbt_project):
        return
    environment = {**dbt_environment(settings), "DBT_TARGET_PATH": str(manifest.parent)}
    done = subprocess.run(
        [DBT, "parse"],
        env={**os.environ, **environment},
        cwd=settings.dbt_project,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise NotPrepared(f"the dbt project does not parse:\n{done.stdout}{done.stderr}")


def _newest(project: Path) -> float:
    skipped = {"target", "logs"}
    return max(
        path.stat().st_mtime
        for folder in project.iterdir()
        if folder.name not in skipped
        for path in [folder, *folder.rglob("*")]
    )
