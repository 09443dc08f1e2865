"""Promise 6: BI never sees a half-built warehouse, and nobody waits for anybody."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.settings import Settings
from publishing import publish as publishing
from publishing.publish import PublishError, publish
from warehouse.connection import connect


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A warehouse with one described mart of two rows."""
    settings = Settings(home=tmp_path)
    with connect(settings) as connection:
        connection.execute("create schema marts; create schema intermediate")
        connection.execute("create table marts.fct_things (thing_id varchar not null, size bigint)")
        connection.execute("insert into marts.fct_things values ('a', 1), ('b', 2)")
        connection.execute("comment on table marts.fct_things is 'One row per thing''s size.'")
        connection.execute("comment on column marts.fct_things.size is 'In metres.'")
        connection.execute(
            "create table intermediate.int_data_edge as"
            " select timestamp '2026-03-01' as data_through"
        )
    return settings


def read(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_the_published_file_holds_the_marts_with_their_descriptions(settings: Settings) -> None:
    report = publish(settings)

    assert report.rows == {"fct_things": 2}
    assert read(settings, "from marts.fct_things order by all") == [("a", 1), ("b", 2)]
    comments = read(settings, "select comment from duckdb_tables() where table_name = 'fct_things'")
    assert comments == [("One row per thing's size.",)]
    columns = read(
        settings,
        "select column_name, is_nullable, comment from duckdb_columns()"
        " where table_name = 'fct_things' order by column_index",
    )
    assert columns == [("thing_id", False, None), ("size", True, "In metres.")]
    meta = read(settings, "select * exclude published_at from meta.published order by table_name")
    assert [row[:4] for row in meta] == [
        (report.version, datetime(2026, 3, 1), "fct_things", 2),
        (report.version, datetime(2026, 3, 1), "restatements", 0),
    ]


def test_the_published_file_says_what_the_checks_of_its_build_found(settings: Settings) -> None:
    publish(settings)
    assert read(settings, "from meta.check_outcomes") == []
    found = ("marts/fct_things", "unique", False, "WARN", None, 3)
    with connect(settings) as connection:
        connection.execute("insert into meta.check_outcomes values (?, ?, ?, ?, ?, ?)", found)
    publish(settings)
    assert read(settings, "from meta.check_outcomes") == [found]


def test_a_description_that_changes_is_published_though_its_table_does_not(
    settings: Settings,
) -> None:
    publish(settings)
    with connect(settings) as connection:
        connection.execute("comment on table marts.fct_things is 'One row per thing.'")
        connection.execute("comment on column marts.fct_things.size is 'In feet.'")

    assert publish(settings).written == {"fct_things": 0}
    assert read(
        settings, "select comment from duckdb_tables() where table_name = 'fct_things'"
    ) == [("One row per thing.",)]
    assert read(
        settings, "select comment from duckdb_columns() where column_name = 'size' and not internal"
    ) == [("In feet.",)]


def test_the_published_file_is_in_a_storage_version_of_duckdb_1(settings: Settings) -> None:
    publish(settings)

    tags = read(settings, "select tags from duckdb_databases() where database_name = 'footfall'")
    assert "v1.0.0" in str(tags)
    # What every version of DuckDB looks at first: a checksum, DUCK, and the storage version.
    head = settings.published.read_bytes()[:20]
    assert (head[8:12], int.from_bytes(head[12:], "little")) == (b"DUCK", 64)


def test_only_marts_and_meta_are_published(settings: Settings) -> None:
    publish(settings)

    schemas = read(settings, "select distinct schema_name from duckdb_tables() order by all")
    assert schemas == [("marts",), ("meta",)]


def test_a_reader_of_the_old_file_neither_blocks_nor_notices_the_swap(settings: Settings) -> None:
    publish(settings)
    # Another process, as BI tools are: inside one process DuckDB would share its lock.
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "c = duckdb.connect(sys.argv[1], read_only=True)\n"
            "q = 'select count(*) from marts.fct_things'\n"
            "print(c.execute(q).fetchone()[0], flush=True)\n"
            "input()\n"
            "print(c.execute(q).fetchone()[0], flush=True)\n",
            str(settings.published),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "2\n"

    with connect(settings) as connection:
        connection.execute("insert into marts.fct_things values ('c', 3)")
    publish(settings)

    output, _ = reader.communicate("\n")
    assert output == "2\n"
    assert read(settings, "select count(*) from marts.fct_things") == [(3,)]


@pytest.mark.parametrize("step", ["_write", "_verify", "_sync"])
def test_a_failure_at_any_step_keeps_the_old_file_and_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish(settings)
    before = settings.published.read_bytes()
    with connect(settings) as connection:
        connection.execute("insert into marts.fct_things values ('c', 3)")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, step, fails)
    with pytest.raises(OSError, match="No space left"):
        publish(settings)

    assert settings.published.read_bytes() == before
    assert [path.name for path in settings.published.parent.iterdir()] == ["footfall.duckdb"]


def test_a_file_that_lost_rows_is_not_published(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = publishing._write

    def loses_rows(connection: duckdb.DuckDBPyConnection, fresh: Path, *arguments: Any) -> Any:
        written = write(connection, fresh, *arguments)
        with duckdb.connect(str(fresh)) as other:
            other.execute("delete from marts.fct_things where size = 1")
        return written

    monkeypatch.setattr(publishing, "_write", loses_rows)
    with pytest.raises(PublishError, match=r"fct_things has .*1.* in the new file: 2"):
        publish(settings)
    assert not settings.published.exists()


def test_what_a_killed_publish_left_is_cleared_away(settings: Settings) -> None:
    settings.published.parent.mkdir(parents=True)
    leftover = settings.published.with_name(".footfall-half.duckdb")
    leftover.write_bytes(b"half")

    publish(settings)

    assert not leftover.exists()


def test_an_empty_warehouse_is_not_published(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    connect(settings).close()

    with pytest.raises(PublishError, match="run the nightly job first"):
        publish(settings)


def change(settings: Settings, *statements: str, noted: str | None = None) -> None:
    """Change the mart as a night does, and note the changed key unless it is forgotten."""
    with connect(settings) as connection:
        connection.execute(
            "create schema if not exists meta; create table if not exists meta.changed_rows"
            " (table_name varchar, key_columns varchar, key_text varchar)"
        )
        for statement in statements:
            connection.execute(statement)
        if noted:
            connection.execute(
                "insert into meta.changed_rows values ('fct_things', 'thing_id', ?)", [noted]
            )


def things(settings: Settings) -> list[tuple[object, ...]]:
    return read(settings, "from marts.fct_things order by all")


def test_the_second_publish_writes_only_what_changed(settings: Settings) -> None:
    change(settings, "insert into marts.fct_things select 'c' || i, i from range(1000) t(i)")
    assert publish(settings).written == {"fct_things": 1002}

    change(settings, "insert into marts.fct_things values ('d', 4)", noted="d")
    change(settings, "delete from marts.fct_things where thing_id = 'b'", noted="b")
    report = publish(settings)

    assert report.written == {"fct_things": 1}
    assert report.rows == {"fct_things": 1002}
    with connect(settings) as connection:
        assert things(settings) == connection.execute("from marts.fct_things order by 1").fetchall()
    assert publish(settings).written == {"fct_things": 0}


@pytest.mark.parametrize(
    "statement",
    [
        "insert into marts.fct_things values ('c', 3)",
        "insert into marts.fct_things values ('a', 1)",
        "update marts.fct_things set size = null where thing_id = 'a'",
        "delete from marts.fct_things where thing_id = 'a'",
        "update marts.fct_things set size = 3 - size",
    ],
)
def test_a_change_that_nobody_noted_is_found_and_the_table_copied(
    settings: Settings, statement: str
) -> None:
    publish(settings)
    change(settings, statement, noted="z")
    report = publish(settings)

    with connect(settings) as connection:
        expected = connection.execute("from marts.fct_things order by all").fetchall()
    assert things(settings) == expected
    assert report.written == {"fct_things": len(expected)}


def test_a_key_of_several_columns_is_found_by_all_of_them(settings: Settings) -> None:
    publish(settings)
    change(settings, "insert into marts.fct_things values ('a', 3)")
    with connect(settings) as connection:
        connection.execute(
            "insert into meta.changed_rows"
            " values ('fct_things', 'thing_id,size', concat_ws(chr(31), 'a', 3))"
        )

    assert publish(settings).written == {"fct_things": 1}
    assert things(settings) == [("a", 1), ("a", 3), ("b", 2)]


def test_a_table_of_another_shape_or_key_is_copied_and_one_that_is_gone_dropped(
    settings: Settings,
) -> None:
    change(settings, "create table marts.fct_old as select 1 as one", noted="a")
    publish(settings)
    change(
        settings,
        "alter table marts.fct_things add column colour varchar",
        "update marts.fct_things set colour = 'red'",
        "drop table marts.fct_old",
        "insert into meta.changed_rows values ('fct_things', 'colour', 'red')",
        noted="a",
    )
    publish(settings)

    assert things(settings) == [("a", 1, "red"), ("b", 2, "red")]
    tables = read(settings, "select table_name from duckdb_tables() where schema_name = 'marts'")
    assert sorted(tables) == [("fct_things",), ("restatements",)]


def test_changes_are_forgotten_only_once_people_can_read_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings)
    change(settings, "insert into marts.fct_things values ('c', 3)", noted="c")
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "forget_changes", lambda _: (_ for _ in ()).throw(OSError("cut")))
        with pytest.raises(OSError, match="cut"):
            publish(settings)
    assert things(settings) == [("a", 1), ("b", 2), ("c", 3)]

    assert publish(settings).written == {"fct_things": 1}
    assert things(settings) == [("a", 1), ("b", 2), ("c", 3)]


def test_a_file_that_cannot_be_read_is_replaced(settings: Settings) -> None:
    publish(settings)
    settings.published.write_bytes(b"no database" * 1000)

    assert publish(settings).written == {"fct_things": 2}
    assert things(settings) == [("a", 1), ("b", 2)]


def test_a_bloated_file_is_written_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings)
    publish(settings)
    assert publish(settings).written == {"fct_things": 0}
    monkeypatch.setattr(publishing, "MIN_BLOATED_BYTES", 0)
    monkeypatch.setattr(publishing, "MAX_BLOAT", 0.1)

    assert publish(settings).written == {"fct_things": 2}


def test_a_file_that_grew_beyond_its_order_is_written_whole(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(settings)
    publish(settings)
    monkeypatch.setattr(publishing, "MIN_BLOATED_BYTES", 0)
    monkeypatch.setattr(publishing, "MAX_BLOAT", 1000)
    change(settings, "insert into marts.fct_things values ('c', 3)", noted="c")
    assert publish(settings).written == {"fct_things": 1}
    assert publish(settings).written == {"fct_things": 0}

    change(settings, "insert into marts.fct_things values ('d', 4)", noted="d")
    assert publish(settings).written == {"fct_things": 1}
    # Four rows are more than one and a half times the two that were written whole.
    assert publish(settings).written == {"fct_things": 4}
    assert publish(settings).written == {"fct_things": 0}


def test_events_that_are_written_whole_lie_by_person_and_time(settings: Settings) -> None:
    with connect(settings) as connection:
        connection.execute(
            "create table marts.fct_events (event_id varchar, person_id varchar,"
            " occurred_at timestamp)"
        )
        connection.execute(
            """
            insert into marts.fct_events values
                ('e1', 'p2', '2026-03-02'), ('e3', 'p1', '2026-03-02'), ('e2', 'p1', '2026-03-02'),
                ('e4', 'p2', '2026-03-01')
            """
        )
    publish(settings)

    lying = read(settings, "select event_id from marts.fct_events order by rowid")
    assert lying == [("e2",), ("e3",), ("e4",), ("e1",)]


def test_a_whole_publish_keeps_no_byte_of_what_was_deleted(settings: Settings) -> None:
    secret = "k7-secret-" * 40
    change(settings, f"insert into marts.fct_things values ('{secret}', 3)")
    publish(settings)
    assert secret.encode() in settings.published.read_bytes()

    change(settings, "delete from marts.fct_things where size = 3", noted=secret)
    publish(settings, whole=True)
    assert b"k7-secret" not in settings.published.read_bytes()
