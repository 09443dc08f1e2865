"""Each published version as Parquet: whole, unchanged once written, and no more than are kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from publishing import parquet
from publishing.parquet import export, folder_of, remove_exports
from publishing.publish import publish
from warehouse.connection import connect


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A published file with one described mart of two rows; two versions are kept."""
    settings = Settings(home=tmp_path, parquet_versions=2)
    with connect(settings) as connection:
        connection.execute("create schema marts; create schema intermediate")
        connection.execute("create table marts.fct_things (thing_id varchar, seen_at timestamp)")
        connection.execute(
            "insert into marts.fct_things values ('a', '2026-03-01 12:00'), ('é', null)"
        )
        connection.execute("comment on table marts.fct_things is 'One row per thing.'")
        connection.execute("comment on column marts.fct_things.seen_at is 'When (UTC).'")
        connection.execute(
            "create table intermediate.int_data_edge as"
            " select timestamp '2026-03-01' as data_through"
        )
    publish(settings)
    return settings


def change(settings: Settings) -> None:
    """Publish a version with a row more."""
    with connect(settings) as connection:
        connection.execute("insert into marts.fct_things values ('c', null)")
    publish(settings)
    # Some hours later: a folder's name has the second of its publish.
    with duckdb.connect(str(settings.published)) as connection:
        connection.execute(
            "update meta.published set published_at = published_at + to_hours("
            "(select count(*) from marts.fct_things))"
        )


def rows(path: Path) -> list[Any]:
    return duckdb.execute(f"from '{path}' order by all").fetchall()


def names(settings: Settings) -> list[str]:
    return sorted(each.name for each in folder_of(settings).iterdir())


def test_the_folder_of_a_version_holds_its_tables_and_says_what_they_are(
    settings: Settings,
) -> None:
    exported = export(settings)

    assert exported
    assert names(settings) == [exported.folder.name, "latest"]
    latest = folder_of(settings) / "latest"
    assert rows(latest / "marts.fct_things.parquet") == rows_of_published(settings)
    manifest = json.loads((latest / "manifest.json").read_text())
    (version,) = read(settings, "select distinct version from meta.published")[0]
    assert (manifest["version"], manifest["data_through"]) == (version, "2026-03-01T00:00:00Z")
    things, restatements = manifest["tables"]
    path = latest / things["file"]
    assert things == {
        "table": "marts.fct_things",
        "file": "marts.fct_things.parquet",
        "rows": 2,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "description": "One row per thing.",
        "columns": [
            {"name": "thing_id", "type": "VARCHAR", "description": None},
            {"name": "seen_at", "type": "TIMESTAMP", "description": "When (UTC)."},
        ],
    }
    assert restatements["rows"] == 0


def read(settings: Settings, query: str) -> list[Any]:
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        return connection.execute(query).fetchall()


def rows_of_published(settings: Settings) -> list[Any]:
    return read(settings, "from marts.fct_things order by all")


def test_any_column_of_a_file_may_be_null_whatever_its_rows_are(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute("update marts.fct_things set seen_at = timestamp '2026-03-01'")
    publish(settings)
    export(settings)

    (file,) = (folder_of(settings) / "latest").glob("*fct_things.parquet")
    assert duckdb.execute(
        f"select distinct repetition_type from parquet_schema('{file}') where type is not null"
    ).fetchall() == [("OPTIONAL",)]


def test_a_version_is_written_once_and_the_oldest_are_deleted(settings: Settings) -> None:
    first = export(settings)
    assert first
    assert export(settings) is None
    change(settings)
    second = export(settings)
    assert second
    assert len(rows(first.folder / "marts.fct_things.parquet")) == 2
    change(settings)
    third = export(settings)

    assert third
    assert names(settings) == [second.folder.name, third.folder.name, "latest"]
    newest = folder_of(settings) / "latest" / "marts.fct_things.parquet"
    assert rows(newest) == rows_of_published(settings)
    assert len(rows(newest)) == 4


@pytest.mark.parametrize("step", ["rename", "_point_to", "_write"])
def test_after_a_kill_each_folder_is_whole_and_nothing_is_left_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = export(settings)
    assert first
    change(settings)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path if step == "rename" else parquet, step, killed)
        with pytest.raises(KeyboardInterrupt):
            export(settings)
    whole = [each for each in folder_of(settings).glob("2*") if each.is_dir()]
    assert all((each / "manifest.json").exists() for each in whole)
    assert (folder_of(settings) / "latest" / "manifest.json").exists()
    export(settings)

    newest = folder_of(settings) / "latest" / "marts.fct_things.parquet"
    assert rows(newest) == rows_of_published(settings)
    assert len(names(settings)) == 3


def test_all_versions_can_be_deleted_and_are_written_again(settings: Settings) -> None:
    remove_exports(settings)
    export(settings)
    (folder_of(settings) / ".half").mkdir()
    remove_exports(settings)
    assert names(settings) == []
    assert export(settings)
