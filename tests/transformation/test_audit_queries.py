"""Tests that are asked without dbt say what dbt says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.models_in_memory import CompiledModels, run_dbt, warehouse_copy
from transformation import audit_queries
from transformation import compiled as compiled_sql
from transformation.audit_queries import Query, ask, keep_queries, queries
from transformation.dbt_command import dbt_target
from warehouse.connection import connect, writer_lock

#: Each breaks tests of another kind.
PLANTED = [
    "update marts.fct_sessions set session_id = (select min(session_id) from marts.fct_sessions)",
    "insert into intermediate.int_actors_identified from intermediate.int_actors_identified",
    "update marts.fct_events set time_quality = 'none'",
    "delete from marts.dim_persons",
    "update staging.stg_footfall__events set source_id = null",
]
Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(compiled: CompiledModels) -> Node:
    return compiled.manifest


def results_of(manifest: Node) -> list[Node]:
    """What a build writes of the tests, as far as it is read here."""
    return [
        {"unique_id": name, "compiled_code": node["compiled_code"]}
        for name, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    ]


def test_they_count_what_dbt_counts_and_keep_the_same_rows(
    compiled: CompiledModels, manifest: Node, tmp_path: Path
) -> None:
    settings = warehouse_copy(compiled, tmp_path)
    keep_queries(settings, results_of(manifest), manifest)
    asked = queries(settings)
    assert len(asked) > 100
    with writer_lock(settings):
        with connect(settings) as connection:
            for statement in PLANTED:
                connection.execute(statement)
        with pytest.raises(
            AssertionError, match="dbt test --exclude-resource-type unit_test failed"
        ):
            run_dbt(settings, "test", "--exclude-resource-type", "unit_test")
        told = json.loads((dbt_target(settings) / "run_results.json").read_text())["results"]
        with connect(settings) as connection:
            kept_by_dbt = kept(settings)
            connection.execute("drop schema test_failures cascade")
            found = ask(settings, connection, asked)
    tests = [each for each in told if each["unique_id"].startswith("test.")]
    assert found == {each["unique_id"]: each["failures"] for each in tests}
    assert len([count for count in found.values() if count]) > len(PLANTED)
    assert kept(settings) == kept_by_dbt


def kept(settings: Settings) -> dict[str, int]:
    """Table of failing rows → how many it has."""
    with connect(settings) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'test_failures'"
        ).fetchall()
        counts = {
            name: connection.execute(f'select count(*) from test_failures."{name}"').fetchone()
            for (name,) in tables
        }
    return {name: count[0] for name, count in counts.items() if count}


def test_rows_are_kept_until_the_test_is_asked_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    query = Query("test.a", "select 42 as planted from things", "test_failures", "a")
    with writer_lock(settings), connect(settings) as connection:
        (error,) = ask(settings, connection, [query]).values()
        assert "things does not exist" in str(error)
        connection.execute("create table things as select 1 as a union all select 2")
        assert ask(settings, connection, [query]) == {"test.a": 2}
        assert connection.execute("from test_failures.a").fetchall() == [(42,), (42,)]
        connection.execute("delete from things")
        assert ask(settings, connection, [query]) == {"test.a": 0}
    assert kept(settings) == {}


@pytest.mark.parametrize(
    ("raw_code", "config"),
    [
        ("select 1 from {{ run_query('from x') }}", {}),
        ("{% set columns = adapter.get_columns_in_relation(ref('x')) %}", {}),
        ("{{ asks() }}", {}),
        ("select 1", {"warn_if": "> 10"}),
        ("select 1", {"limit": 10}),
        ("select 1", {"fail_calc": "max(n)"}),
        ("select 1", {"store_failures": False}),
    ],
)
def test_a_test_that_is_more_than_a_count_stays_with_dbt(
    tmp_path: Path, raw_code: str, config: Node
) -> None:
    settings = Settings(home=tmp_path)
    plain: Node = {
        "unique_id": "test.a",
        "resource_type": "test",
        "raw_code": "select 1 from {{ adapter.dispatch('x')() }}",
        "config": {**audit_queries.PLAIN, "severity": "error"},
        "depends_on": {"macros": []},
        "schema": "test_failures",
        "alias": "a",
    }
    asking = {"macro_sql": "{{ statement('x') }}", "depends_on": {"macros": []}}
    calling = {"macro_sql": "{{ inner() }}", "depends_on": {"macros": ["macro.inner"]}}
    macros = {"macro.inner": asking, "macro.asks": calling}
    results = [{"unique_id": "test.a", "compiled_code": "select 1"}]
    keep_queries(settings, results, {"nodes": {"test.a": plain}, "macros": macros})
    assert [each.sql for each in queries(settings)] == ["select 1"]

    (settings.home / "dbt" / "audit.json").unlink()
    other = {
        **plain,
        "raw_code": raw_code,
        "config": {**plain["config"], **config},
        "depends_on": {"macros": ["macro.asks"] if "asks" in raw_code else []},
    }
    keep_queries(settings, results, {"nodes": {"test.a": other}, "macros": macros})
    assert queries(settings) == []


@pytest.mark.parametrize("damage", ["definition", "judges", "torn"])
def test_of_another_definition_dbt_is_asked(
    compiled: CompiledModels,
    manifest: Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    settings = Settings(home=tmp_path, dbt_project=compiled.settings.dbt_project)
    keep_queries(settings, results_of(manifest), manifest)
    assert queries(settings)
    if damage == "torn":
        path = tmp_path / "dbt" / "audit.json"
        path.write_bytes(path.read_bytes()[:-20])
    else:
        monkeypatch.setattr(compiled_sql, damage, lambda _: "another")
    assert queries(settings) == []
