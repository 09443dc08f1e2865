"""Raw rows reach Iceberg once, whatever happens between two tables; marts come back whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Transaction

from cluster.catalog import mended_by_people, open_catalog, table_of
from cluster.marts import Column, Model, begin_build, fetch_marts
from cluster.raw_tables import LOADED, copy_raw, forget_builds_on_cluster
from cluster.unusable import ClusterUnusable
from ingestion.settings import Settings
from warehouse.meta import BUILDS, DEFINITION_TABLES, FULL_REFRESH_DUE, create


@pytest.fixture
def catalog(tmp_path: Path) -> SqlCatalog:
    """A catalog as Spark would share it, in SQLite."""
    return open_catalog(
        Settings.model_validate(
            {
                "home": tmp_path / "home",
                "engine": "spark",
                "iceberg_catalog": f"sqlite:///{tmp_path}/catalog.db",
                "iceberg_warehouse": (tmp_path / "iceberg").as_uri(),
            }
        )
    )


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with one load of two events."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema raw; create schema enrichment")
        connection.execute(
            """
            create table raw.events (
                event_id varchar, received_at timestamptz, properties json, _file varchar,
                _line bigint, load_number bigint, _dlt_load_id varchar
            );
            create table raw._dlt_loads (load_id varchar, status bigint, inserted_at timestamptz);
            create table enrichment.countries (time_zone varchar, country varchar);
            insert into enrichment.countries values ('Europe/Vienna', 'AT');
            """
        )
        for table in set(LOADED) - {"events", "_dlt_loads"}:
            connection.execute(
                f"create table raw.{table} (_file varchar, load_number bigint,"
                " _dlt_load_id varchar)"
            )
        for table in (*DEFINITION_TABLES, BUILDS):
            create(connection, table)
        load(connection, 1, "a", "b")
        yield connection


def load(connection: duckdb.DuckDBPyConnection, number: int, *events: str) -> None:
    """A completed load of these events."""
    for line, event in enumerate(events, 1):
        connection.execute(
            "insert into raw.events values (?, ?, '{\"plan\": 1.50}', ?, ?, ?, ?)",
            [
                event,
                datetime(2026, 3, 2, tzinfo=UTC),
                f"{number}.ndjson",
                line,
                number,
                f"{number}.5",
            ],
        )
    connection.execute("insert into raw._dlt_loads values (?, 0, now())", [f"{number}.5"])


def events(catalog: SqlCatalog) -> list[str]:
    """The events that the cluster sees."""
    return sorted(catalog.load_table(("raw", "events")).scan().to_arrow()["event_id"].to_pylist())


def test_each_load_is_copied_once(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    assert copy_raw(catalog, warehouse).rows == 3
    load(warehouse, 2, "c")
    assert copy_raw(catalog, warehouse).loads == 1
    assert copy_raw(catalog, warehouse).rows == 0
    assert events(catalog) == ["a", "b", "c"]
    rows = catalog.load_table(("raw", "events")).scan().to_arrow().to_pylist()
    (first,) = (row for row in rows if row["event_id"] == "a")
    assert first["landed_file"] == "1.ndjson"
    assert first["properties"] == '{"plan": 1.50}'
    assert first["received_at"] == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_load_that_never_completed_is_not_copied(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    warehouse.execute("insert into raw.events (event_id, _dlt_load_id) values ('torn', '9.9')")
    copy_raw(catalog, warehouse)
    assert events(catalog) == ["a", "b"]


def test_a_copy_that_died_between_two_tables_is_made_good(
    catalog: SqlCatalog,
    warehouse: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events are copied first, and the record of the load last: until then they do not count."""
    commits = []
    commit = Transaction.commit_transaction

    def dies(transaction: Transaction) -> object:
        commits.append(transaction)
        if len(commits) == 3:
            raise ConnectionError("the machine is gone")
        return commit(transaction)

    monkeypatch.setattr(Transaction, "commit_transaction", dies)
    with pytest.raises(ConnectionError):
        copy_raw(catalog, warehouse)
    assert events(catalog) == ["a", "b"]
    assert not catalog.table_exists(("raw", "_dlt_loads"))
    monkeypatch.undo()
    copy_raw(catalog, warehouse)
    assert events(catalog) == ["a", "b"]
    assert catalog.load_table(("raw", "_dlt_loads")).scan().to_arrow().num_rows == 1


def test_after_an_erasure_everything_is_copied_anew(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    copy_raw(catalog, warehouse)
    warehouse.execute("delete from raw.events where event_id = 'a'")
    assert copy_raw(catalog, warehouse, anew=True).is_again
    assert events(catalog) == ["b"]
    assert copy_raw(catalog, warehouse).rows == 0


def test_a_new_column_of_raw_reaches_the_cluster(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    copy_raw(catalog, warehouse)
    warehouse.execute("alter table raw.events add column region varchar default 'eu'")
    load_two = "insert into raw.events (event_id, region, _dlt_load_id) values ('c', 'us', '2.5')"
    warehouse.execute(load_two)
    warehouse.execute("insert into raw._dlt_loads values ('2.5', 0, now())")
    copy_raw(catalog, warehouse)
    rows = catalog.load_table(("raw", "events")).scan().to_arrow().to_pylist()
    assert {row["event_id"]: row["region"] for row in rows} == {"a": None, "b": None, "c": "us"}


def test_a_changed_list_replaces_the_old_one_and_an_unchanged_one_writes_nothing(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    copy_raw(catalog, warehouse)
    name = ("enrichment", "countries")
    first = catalog.load_table(name).current_snapshot()
    copy_raw(catalog, warehouse)
    assert catalog.load_table(name).current_snapshot() == first
    warehouse.execute("update enrichment.countries set country = 'Austria'")
    copy_raw(catalog, warehouse)
    assert catalog.load_table(name).scan().to_arrow()["country"].to_pylist() == ["Austria"]


def built_on_cluster(catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection) -> Model:
    """A mart and the note of its build, as dbt leaves them on Spark."""
    warehouse.execute(
        """
        create table built as
        select 1 as load_number, 'd' as definition, 'i' as invocation_id, now() as built_at;
        create table mart as
        select date '2026-03-02' as activity_date, timestamptz '2026-03-02 10:00:00+00' as first_at,
            cast(2 as decimal(38, 0)) as persons
        """
    )
    for name, query in (("meta.builds", "from built"), ("marts.fct_days", "from mart")):
        rows = warehouse.execute(query).to_arrow_table()
        schema, table = name.split(".")
        catalog.create_namespace_if_not_exists(schema)
        catalog.create_table((schema, table), rows.schema).append(rows)
    kinds = {"activity_date": "date", "first_at": "timestamp", "persons": "hugeint"}
    columns = {name: Column(kind, f"It's {name}.") for name, kind in kinds.items()}
    return Model("marts", "fct_days", "A day of 'activity'.", columns)


def brought(catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection) -> Model:
    """The mart of `built_on_cluster`, after the warehouse has got it."""
    model = built_on_cluster(catalog, warehouse)
    begin_build(warehouse, "d")
    fetch_marts(catalog, warehouse, [model], "d")
    return model


def test_marts_come_back_with_the_types_they_have_here_and_the_builds_they_are_of(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    model = built_on_cluster(catalog, warehouse)
    assert begin_build(warehouse, "d")
    warehouse.execute(f"insert into {FULL_REFRESH_DUE} values (now())")
    assert fetch_marts(catalog, warehouse, [model], "d") == {"fct_days": 1}
    row = warehouse.execute("select *, typeof(persons) from marts.fct_days").fetchone()
    assert row == (datetime(2026, 3, 2).date(), datetime(2026, 3, 2, 10), 2, "HUGEINT")
    assert warehouse.execute(f"select load_number from {BUILDS}").fetchall() == [(1,)]
    assert warehouse.execute(f"select count(*) from {FULL_REFRESH_DUE}").fetchone() == (0,)
    assert not begin_build(warehouse, "d")
    assert begin_build(warehouse, "another definition")


def test_if_one_mart_cannot_be_read_the_warehouse_keeps_all_of_the_last_build(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    model = brought(catalog, warehouse)
    broken = replace(model, columns={**model.columns, "first_at": Column("date[]", "")})
    with pytest.raises(duckdb.Error):
        fetch_marts(catalog, warehouse, [model, broken], "d")
    assert warehouse.execute("select count(*) from marts.fct_days").fetchone() == (1,)


def test_marts_come_back_with_what_dbt_says_about_them(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    model = brought(catalog, warehouse)
    (told,) = warehouse.execute(
        "select comment from duckdb_tables() where table_name = 'fct_days'"
    ).fetchall()
    assert told == ("A day of 'activity'.",)
    columns = warehouse.execute(
        "select column_name, comment from duckdb_columns() where table_name = 'fct_days'"
    ).fetchall()
    assert dict(columns) == {name: f"It's {name}." for name in model.columns}


def test_a_day_that_is_asked_for_again_is_pending_on_the_cluster_too(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    built_on_cluster(catalog, warehouse)
    forget_builds_on_cluster(catalog, warehouse)
    assert catalog.load_table(("meta", "builds")).scan().to_arrow().num_rows == 0


def test_the_tables_of_another_site_are_left_alone(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    copy_raw(catalog, warehouse)
    warehouse.execute("update raw._dlt_loads set load_id = '9.5'")
    warehouse.execute("update raw.events set _dlt_load_id = '9.5'")
    for anew in (False, True):
        with pytest.raises(
            ClusterUnusable, match=r"raw\.events has loads .* Name an empty database"
        ):
            copy_raw(catalog, warehouse, anew=anew)
    assert events(catalog) == ["a", "b"]


def test_two_writers_of_a_table_do_not_mix_and_the_second_is_told(
    catalog: SqlCatalog, warehouse: duckdb.DuckDBPyConnection
) -> None:
    copy_raw(catalog, warehouse)
    one, other = (catalog.load_table(("raw", "events")) for _ in range(2))
    added = one.scan().to_arrow()
    one.append(added)
    with pytest.raises(ClusterUnusable, match="another program wrote"), mended_by_people():
        other.append(added)
    assert events(catalog) == ["a", "a", "b", "b"]


def test_a_folder_of_tables_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "engine": "spark",
            "iceberg_catalog": f"sqlite:///{tmp_path}/catalog.db",
            "iceberg_warehouse": (tmp_path / "file" / "tables").as_uri(),
        }
    )
    with duckdb.connect() as connection:
        there = connection.execute("select 1 as one").to_arrow_table().schema
    with (
        pytest.raises(ClusterUnusable, match="FOOTFALL_ICEBERG_WAREHOUSE"),
        mended_by_people(),
    ):
        table_of(open_catalog(settings), "raw", "events", there)


def test_a_catalog_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "home": tmp_path,
            "engine": "spark",
            "iceberg_catalog": f"sqlite:///{tmp_path}/missing/secret.db",
            "iceberg_warehouse": tmp_path.as_uri(),
        }
    )
    with pytest.raises(ClusterUnusable, match="FOOTFALL_ICEBERG_CATALOG") as caught:
        open_catalog(settings)
    assert "secret" not in str(caught.value)


def test_a_cluster_without_a_catalog_stops_at_the_settings() -> None:
    with pytest.raises(ValueError, match="name FOOTFALL_ICEBERG_CATALOG"):
        Settings(engine="spark")
