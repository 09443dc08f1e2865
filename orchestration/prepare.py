"""What must stand before Dagster starts: the folders, its instance and dbt's manifest."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from ingestion.settings import Settings
from orchestration.builds import POOL
from orchestration.dbt_command import DBT, dbt_environment

INSTANCE = Path(__file__).with_name("dagster.yaml")
#: In a dbt project, and no part of it.
WRITTEN_BY_DBT = {"target", "logs", ".user.yml"}


class NotPrepared(RuntimeError):
    """Something the orchestration needs cannot be made."""


def manifest_path(settings: Settings) -> Path:
    """Where dbt's manifest lies: what Dagster reads the models from."""
    return settings.home / "dbt" / "manifest" / "manifest.json"


def prepare(settings: Settings) -> None:
    """Make what is missing or out of date; cheap when nothing is.

    Processes that start together take turns: none reads what another is still writing. Raises
    NotPrepared with what to do where the home cannot be written or the project does not parse.
    """
    try:
        for folder in (settings.dagster_home, settings.warehouse.parent, settings.published.parent):
            folder.mkdir(parents=True, exist_ok=True)
        turn = (settings.dagster_home / ".prepare.lock").open("w")
    except OSError as error:
        raise NotPrepared(
            f"FOOTFALL_HOME: {settings.home} cannot be written ({error.strerror}): "
            "name a folder that this user may write to"
        ) from error
    with turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        _copy_instance(settings.dagster_home / INSTANCE.name)
        _limit_pool(settings.dagster_home)
        _parse_project(settings)


def _copy_instance(target: Path) -> None:
    # Only where it differs, and whole: a daemon that runs may read it at any moment.
    if not target.exists() or target.read_bytes() != INSTANCE.read_bytes():
        fresh = target.with_name(f".{target.name}.new")
        shutil.copyfile(INSTANCE, fresh)
        fresh.replace(target)


def _limit_pool(dagster_home: Path) -> None:
    """Give a new home the limit of the pool.

    The daemon would only note it while it looks at the first runs that want the pool, and let all
    of these through.
    """
    if (dagster_home / "history").exists():
        return
    # Takes a second, which every later start and run does without.
    import dagster as dg

    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)


def _parse_project(settings: Settings) -> None:
    manifest = manifest_path(settings)
    parsed = manifest.with_name("parsed")
    fingerprint = _fingerprint(settings.dbt_project)
    if manifest.exists() and parsed.exists() and parsed.read_text() == fingerprint:
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
    parsed.write_text(fingerprint)


def _fingerprint(project: Path) -> str:
    """What was parsed, and by which dbt.

    Not by times: the files of an image are as old as the image, the manifest of a home as young as
    its last start, and a home outlives many images.
    """
    digest = hashlib.sha256(f"{version('dbt-core')}\n{project}\n".encode())
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.is_file() and name.parts[0] not in WRITTEN_BY_DBT:
            digest.update(f"{name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
