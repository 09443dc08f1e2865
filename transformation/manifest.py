"""dbt's manifest of the site's project, parsed again only if the project has changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ingestion.facts.disk import replace_file
from ingestion.settings import Settings
from transformation.dbt_command import DBT, dbt_environment, dbt_target
from transformation.definition import project_files

#: dbt's own record of what it parsed.
PARTIAL_PARSE = "partial_parse.msgpack"


class NotPrepared(RuntimeError):
    """Something that a run needs cannot be created. The message says what to do."""


def manifest_path(settings: Settings) -> Path:
    """The file that keeps dbt's manifest for Dagster, after a line that says what it is of.

    dbt writes its manifest in place, in another folder. If dbt is killed, that file is incomplete.
    """
    return settings.home / "dbt" / "parsed_manifest"


def parsed_folder(settings: Settings) -> Path:
    """The folder that dbt parses into: another dbt may be building in the usual one.

    Its files are whole for whoever holds `turn_to_prepare`.
    """
    return settings.home / "dbt" / "parsed"


def read_manifest(settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the project as it is now. The project is parsed if none is kept.

    Raises NotPrepared.
    """
    if (manifest := _kept(settings)) is None:
        with turn_to_prepare(settings):
            if (manifest := _kept(settings)) is None:
                manifest = _parse_project(settings)
    parsed: dict[str, Any] = json.loads(manifest)
    return parsed


def keep_manifest(settings: Settings) -> None:
    """Parse the project unless its manifest is kept; the caller holds `turn_to_prepare`."""
    if _kept(settings) is None:
        _parse_project(settings)


@contextmanager
def turn_to_prepare(settings: Settings) -> Iterator[None]:
    """Make the folders of a home; other processes that prepare it wait until this one is done.

    Raises NotPrepared.
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
        yield


def _kept(settings: Settings) -> bytes | None:
    """The manifest that is kept, if it is whole and of this project as it is now."""
    try:
        head, _, manifest = manifest_path(settings).read_bytes().partition(b"\n")
    except OSError:
        return None
    return manifest if head == _head(settings, manifest) else None


def _head(settings: Settings, manifest: bytes) -> bytes:
    """The fingerprint of the project, and the checksum of the manifest."""
    return f"{_fingerprint(settings)} {hashlib.sha256(manifest).hexdigest()}".encode()


def _parse_project(settings: Settings) -> bytes:
    folder = parsed_folder(settings)
    done = subprocess.run(
        [DBT, "parse"],
        env={**os.environ, **dbt_environment(settings), "DBT_TARGET_PATH": str(folder)},
        cwd=settings.dbt_project,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise NotPrepared(f"the dbt project does not parse:\n{done.stdout}{done.stderr}")
    manifest = (folder / "manifest.json").read_bytes()
    target = dbt_target(settings)
    target.mkdir(parents=True, exist_ok=True)
    # With this file a build does not parse again.
    replace_file(target / PARTIAL_PARSE, (folder / PARTIAL_PARSE).read_bytes())
    replace_file(manifest_path(settings), _head(settings, manifest) + b"\n" + manifest)
    return manifest


def _fingerprint(settings: Settings) -> str:
    """A checksum of what was parsed, by which dbt, for which days and for which engine.

    Modification times would be wrong: files are as old as their image, the manifest is as old as
    the last start of its home, and a home is used with many images.
    """
    project, zone = settings.dbt_project, settings.reporting_time_zone
    parsed = f"{version('dbt-core')}\n{project}\n{zone}\n{settings.engine}\n"
    digest = hashlib.sha256(parsed.encode())
    for name, content in project_files(project):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
