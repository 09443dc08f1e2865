"""Homes that are made once for all tests and copied: prepared ones, and built ones."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pprint
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from dbt.adapters.duckdb.credentials import DuckDBCredentials

from ingestion.settings import Settings
from orchestration.prepare import INSTANCE, instance_file, prepare
from transformation.definition import project_files
from transformation.manifest import PARTIAL_PARSE, _head, manifest_path
from warehouse.connection import ZSTD_CHARACTERS

_shared: list[Path] = []


@contextmanager
def made_once(name: str) -> Iterator[Path]:
    """A folder of this name that all workers of xdist share; who comes second waits for the first.

    Whoever finds it missing makes it, whole, before leaving.
    """
    folder = _shared[0] / name
    with folder.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield folder


def share(factory: pytest.TempPathFactory) -> None:
    """Say where `made_once` makes things: for the workers of one run, and no other run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    _shared[:] = [folder]


def furnish(settings: Settings) -> None:
    """Put into a new home what `prepare` would make there, for its project as it is now.

    Of another project than ours dbt parses only what differs.
    """
    content = _content(settings.dbt_project)
    with made_once(f"prepared {content}") as folder:
        like = Settings(home=folder / "home", dbt_project=settings.dbt_project)
        if not folder.exists():
            if content != _content(Settings().dbt_project):
                furnish(Settings(home=like.home))
            prepare(like)
    shutil.copytree(like.home, settings.home, dirs_exist_ok=True)
    settle(settings)


def furnish_built(settings: Settings, nightly: Callable[[Settings], object]) -> None:
    """Put into a new home what two nightly runs have made of a file without a line.

    Nothing is published. The next run is an increment whose statements are kept: dbt, which builds
    the first two, takes three quarters of their time.
    """
    content = _content(settings.dbt_project)
    with made_once(f"built {content}") as folder:
        like = Settings(home=folder / "home", dbt_project=settings.dbt_project)
        if not folder.exists():
            furnish(like)
            for name in ("nothing", "nothing_more"):
                empty = Path(like.landing) / "events" / f"{name}.ndjson"
                empty.parent.mkdir(parents=True, exist_ok=True)
                empty.touch()
                nightly(like)
            assert (like.home / "dbt" / "increment.json").exists()
            for name in ("dagster", "logs", "published"):
                shutil.rmtree(like.home / name)
            prepared = folder.with_name(f"prepared {content}") / "home"
            shutil.copytree(prepared / "dagster", like.dagster_home)
            like.published.parent.mkdir()
    shutil.copytree(like.home, settings.home, dirs_exist_ok=True)
    settle(settings)


def settle(settings: Settings) -> None:
    """Let a copied home hold what was parsed for that of its own place, and its own event log."""
    (settings.dagster_home / INSTANCE.name).write_bytes(instance_file(settings.dagster_home))
    kept = manifest_path(settings)
    manifest = kept.read_bytes().partition(b"\n")[2]
    kept.write_bytes(_head(settings, manifest) + b"\n" + manifest)
    settle_dbt(settings)


def settle_dbt(settings: Settings) -> None:
    """Let the dbt of a copied home take what was parsed in another for its own."""
    for parsed in (settings.home / "dbt").glob(f"*/{PARTIAL_PARSE}"):
        content = parsed.read_bytes()
        theirs = msgpack.unpackb(content)["state_check"]["profile_hash"]["checksum"]
        parsed.write_bytes(content.replace(theirs.encode(), _profile_hash(settings).encode()))


def _content(project: Path) -> str:
    digest = hashlib.sha256()
    for name, content in project_files(project):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def _profile_hash(settings: Settings) -> str:
    """As dbt sums a connection up; of another it parses the whole project again."""
    limits = {"memory_limit": settings.memory_limit, "threads": str(settings.threads)}
    credentials = DuckDBCredentials.from_dict(
        {
            "path": str(settings.warehouse),
            "schema": "main",
            "settings": {"TimeZone": "UTC", "zstd_min_string_length": ZSTD_CHARACTERS} | limits,
        }
    )
    told = pprint.pformat(sorted(credentials.connection_info()))
    return hashlib.sha256(told.encode()).hexdigest()
