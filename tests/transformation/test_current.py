"""What is not built again is what another build would have made."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random

import duckdb
import pytest

from ingestion.settings import Settings
from tests.alphabet import LOADS_BEGAN
from tests.histories import random_histories
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from transformation import current
from transformation.current import is_current, note_published
from warehouse.meta import FULL_REFRESH_DUE, PUBLISHED_BUILD
from warehouse.pending_loads import (
    forget_builds,
    is_full_refresh_due,
    require_full_refresh,
)

HISTORIES = 6


class Site:
    """A warehouse in memory and a file that tells which version it is."""

    def __init__(self, compiled: CompiledModels, home: Path) -> None:
        self.compiled = compiled
        self.settings = Settings(home=home, dbt_project=compiled.settings.dbt_project)
        self.warehouse = MemoryWarehouse(compiled)
        self.connection = self.warehouse.connection
        self.versions = 0

    def build(self, stop_after: str | None = None) -> None:
        """As dbt does it: a build that begins takes the mark away."""
        self.connection.execute(f"drop table if exists {PUBLISHED_BUILD}")
        is_due = is_full_refresh_due(self.connection)
        self.warehouse.build(full_refresh=is_due, stop_after=stop_after)
        if is_due and not stop_after:
            self.connection.execute(f"delete from {FULL_REFRESH_DUE}")

    def publish(self) -> None:
        self.versions += 1
        self.settings.published.parent.mkdir(parents=True, exist_ok=True)
        self.settings.published.unlink(missing_ok=True)
        with duckdb.connect(str(self.settings.published)) as file:
            file.execute("create schema meta")
            file.execute(f"create table meta.published as select '{self.versions}' as version")
        note_published(self.settings, self.connection, str(self.versions))

    def is_current(self) -> bool:
        return is_current(self.settings, self.connection)


def reload(site: Site, random: Random) -> None:
    files = [name for (name,) in site.connection.execute("select file from raw.files").fetchall()]
    forget_builds(site.connection, random.sample(sorted(files), 1))
    require_full_refresh(site.connection)


def work_in_again(site: Site, random: Random) -> None:
    files = [name for (name,) in site.connection.execute("select file from raw.files").fetchall()]
    forget_builds(site.connection, random.sample(sorted(files), 1))


def erase(site: Site, random: Random) -> None:
    ids = site.connection.execute("select distinct user_id from raw.events").fetchall()
    site.connection.execute(
        "delete from raw.events where user_id = ?", random.choice(sorted(ids, key=str))
    )
    require_full_refresh(site.connection)


def die(site: Site, random: Random) -> None:
    site.build(stop_after=random.choice(site.compiled.models).name)


def lose_the_file(site: Site, random: Random) -> None:
    site.settings.published.unlink(missing_ok=True)


def restore_another_file(site: Site, random: Random) -> None:
    """The published file of another day, put back from a backup."""
    mark = site.connection.execute(f"from {PUBLISHED_BUILD}").fetchall()
    site.publish()
    site.connection.execute(f"delete from {PUBLISHED_BUILD}")
    site.connection.executemany(f"insert into {PUBLISHED_BUILD} values (?, ?, ?)", mark)


def build_only(site: Site, random: Random) -> None:
    site.build()


CHANGES: list[Callable[[Site, Random], None]] = [
    reload,
    work_in_again,
    erase,
    die,
    lose_the_file,
    restore_another_file,
    build_only,
]


@pytest.mark.parametrize("seed", range(1, HISTORIES + 1))
def test_what_is_skipped_would_have_been_built_the_same(
    compiled: CompiledModels, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    (history,) = random_histories(seed, 1)
    site = Site(compiled, tmp_path)
    assert not site.is_current()
    loads = [load for load in zip(history.loads, LOADS_BEGAN, strict=False) if load[0]]
    for number, (files, began_at) in enumerate(loads):
        site.warehouse.load(files, began_at=began_at)
        assert not site.is_current()
        site.build()
        site.publish()
        assert site.is_current()
        made = site.warehouse.marts()
        site.build()
        assert site.warehouse.marts() == made
        site.publish()

        change = CHANGES[(seed + number) % len(CHANGES)]
        change(site, random)
        assert not site.is_current(), change.__name__
        site.build()
        site.publish()
        assert site.is_current()


@pytest.mark.parametrize("name", ["definition", "judges"])
def test_another_definition_or_release_is_built_and_published(
    compiled: CompiledModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (history,) = random_histories(1, 1)
    site = Site(compiled, tmp_path)
    site.warehouse.load(history.loads[0])
    site.build()
    site.publish()
    assert site.is_current()
    monkeypatch.setattr(current, name, lambda *_: "another")
    assert not site.is_current()


@pytest.mark.parametrize("folder", current.CODE)
def test_another_code_of_any_folder_that_decides_a_run_is_another_release(
    compiled: CompiledModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(current, "CHECKOUT", tmp_path)
    for each in current.CODE:
        (tmp_path / each).mkdir()
    module = tmp_path / folder / "module.py"
    module.write_text("IS_RIGHT = False\n")
    before = current.judges(compiled.settings)
    module.write_text("IS_RIGHT = True\n")
    assert current.judges(compiled.settings) != before


def test_every_folder_but_the_client_ingestion_and_explorer_decides_a_run() -> None:
    """Ingestion decides what raw holds, and whatever it loads is pending.

    The explorer only shows what is published.
    """
    pyproject = tomllib.loads((current.CHECKOUT / "pyproject.toml").read_text())
    others = {"footfall", "ingestion", "explorer"}
    assert set(current.CODE) == {*pyproject["tool"]["importlinter"]["root_packages"]} - others


def test_no_model_reads_a_clock(compiled: CompiledModels) -> None:
    """Or a build of the same rows would be another one tomorrow, and skipping it wrong."""
    clock = re.compile(
        r"\b(now|today|random|uuid|gen_random_uuid|get_current_\w+|transaction_timestamp)\s*\("
        r"|\bcurrent_(date|time|timestamp)\b|\blocaltime(stamp)?\b",
        re.IGNORECASE,
    )
    assert clock.search("select now() as at")
    for model in compiled.models:
        for sql in (model.full, model.incremental):
            assert not clock.search(sql), model.name
