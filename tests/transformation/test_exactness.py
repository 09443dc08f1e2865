"""A running site can prove that its marts are what a full rebuild gives."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from conversion.marts import MARTS
from ingestion.settings import Settings
from tests.models_in_memory import CompiledModels, warehouse_copy
from transformation.exactness import CannotVerify, verify
from warehouse.connection import connect


def test_a_row_that_differs_is_found_and_kept_and_equal_marts_are_called_equal(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    settings = warehouse_copy(compiled, tmp_path)
    with connect(settings) as connection:
        connection.execute(
            "update marts.fct_person_days set events = events + 1 where rowid = 0;"
            " insert into marts.fct_sessions from marts.fct_sessions limit 1;"
            " delete from marts.ledger where rowid = 0"
        )

    found = {each.mart: each for each in verify(settings, MARTS)}

    differing = {name: (each.unexpected, each.missing) for name, each in found.items()}
    expected = dict.fromkeys(found, (0, 0))
    expected |= {"fct_person_days": (1, 1), "fct_sessions": (1, 0), "ledger": (0, 1)}
    assert differing == expected
    assert len(found) > 10
    assert not found["ledger"].is_equal
    assert found["fct_events"].is_equal
    assert found["fct_events"].rows > 0
    with connect(settings) as connection:
        kept = connection.execute(
            "select side, events from test_failures.fct_person_days_differs order by side"
        ).fetchall()
    assert [side for side, _ in kept] == ["rebuild", "warehouse"]
    assert kept[1][1] == kept[0][1] + 1
    assert not list(settings.warehouse.parent.glob(".verify-*"))


def test_without_a_warehouse_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(CannotVerify, match="run the nightly job first"):
        verify(Settings(home=tmp_path), MARTS)


def test_a_disk_without_room_for_a_rebuild_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    connect(settings).close()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 0))

    with pytest.raises(CannotVerify, match=r"needs about .* and the disk has 0"):
        verify(settings, MARTS)
    assert [path.name for path in settings.warehouse.parent.iterdir()] == ["footfall.duckdb"]
