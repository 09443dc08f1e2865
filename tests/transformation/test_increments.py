"""An increment that is run without dbt leaves what dbt would have left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier
from typing import Any

import duckdb
import pytest

from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from tests.models_in_memory import CompiledModels, run_dbt, warehouse_copy
from tests.test_end_to_end import golden_lines
from transformation import compiled as compiled_sql
from transformation import increments
from transformation.dbt_command import dbt_target
from transformation.increments import FailedStep, Step, increment, keep_increment, run
from warehouse.connection import connect, writer_lock
from warehouse.meta import BUILDS
from warehouse.pending_loads import require_full_refresh

Node = dict[str, Any]


def home_copy(compiled: CompiledModels, home: Path) -> Settings:
    """A built warehouse of its own, and what dbt compiled for it."""
    settings = warehouse_copy(compiled, home)
    shutil.copytree(compiled.settings.home / "dbt", home / "dbt")
    return settings


def land(settings: Settings, name: str, lines: list[Node]) -> None:
    path = settings.home / "landing" / "events" / f"{name}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def batches() -> Iterator[tuple[str, list[Node]]]:
    """Files that move sessions, merge persons, come late, come twice, and bring nothing new."""
    lines = golden_lines()
    devices = sorted({line["anonymous_id"] for line in lines if line["anonymous_id"]})
    other = dict(zip(devices, devices[1:] + devices[:1], strict=True))
    yield (
        "merging",
        [
            {**line, "event_id": f"m {line['event_id']}", "anonymous_id": other[device]}
            for line in lines[::3]
            if (device := line["anonymous_id"])
        ],
    )
    yield (
        "late",
        [
            {
                **line,
                "event_id": f"l {line['event_id']}",
                "original_timestamp": line["original_timestamp"].replace("00:00Z", "10:00Z"),
                "received_at": "2026-04-02T00:00:00Z",
            }
            for line in lines[1::4]
        ],
    )
    yield "twice", lines[2::5]


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """The rows of every table, but for which run built a load, and when."""
    names = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables()"
        " where not temporary and schema_name <> 'test_failures' order by all"
    ).fetchall()
    content = {
        name: connection.execute(f"select * from {name} order by all").fetchall()
        for (name,) in names
    }
    content[BUILDS] = sorted(row[:2] for row in content[BUILDS])
    return content


def build(settings: Settings) -> None:
    with writer_lock(settings), connect(settings) as connection:
        steps = increment(settings, connection)
        done = [node for node, _ in run(connection, steps, "a run", settings.threads)]
    assert sorted(done) == sorted(step.node for step in steps)
    place = {node: place for place, node in enumerate(done)}
    assert all(place[need] < place[step.node] for step in steps for need in step.needs)


def test_it_leaves_what_dbt_leaves(compiled: CompiledModels, tmp_path: Path) -> None:
    ours = home_copy(compiled, tmp_path / "ours")
    theirs = home_copy(compiled, tmp_path / "theirs")
    for name, lines in batches():
        land(ours, name, lines)
        with writer_lock(ours):
            load(ours)
        shutil.copyfile(ours.warehouse, theirs.warehouse)
        build(ours)
        with writer_lock(theirs):
            run_dbt(theirs, "build", "--exclude-resource-type", "unit_test", "test")
        with connect(ours) as first, connect(theirs) as second:
            made, expected = tables(first), tables(second)
            assert made.keys() == expected.keys()
            assert [each for each in made if made[each] != expected[each]] == [], name
            catalog = "select table_name, column_name, data_type, is_nullable, comment"
            columns = f"{catalog} from duckdb_columns() where schema_name <> 'test_failures'"
            assert sorted(first.execute(columns).fetchall(), key=str) == sorted(
                second.execute(columns).fetchall(), key=str
            )


def test_one_that_ends_in_the_middle_is_made_good_by_the_next(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    settings = home_copy(compiled, tmp_path / "home")
    whole = home_copy(compiled, tmp_path / "whole")
    _, lines = next(batches())
    land(settings, "merging", lines)
    with writer_lock(settings):
        load(settings)
    shutil.copyfile(settings.warehouse, whole.warehouse)
    build(whole)

    for done in (3, 30, 50):
        with writer_lock(settings), connect(settings) as connection:
            steps = run(
                connection, increment(settings, connection), "a run that ends", settings.threads
            )
            for _ in range(done):
                next(steps)
            steps.close()
    build(settings)

    with connect(settings) as first, connect(whole) as second:
        made, expected = tables(first), tables(second)
    # Rows that were written more than once are noted more than once.
    changed = "meta.changed_rows"
    made[changed], expected[changed] = sorted({*made[changed]}), sorted({*expected[changed]})
    assert made == expected


def test_a_statement_that_fails_names_its_node_and_changes_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    steps = [
        Step("model.a", None, ["create table a as select 1 as x"], []),
        Step("model.b", None, ["truncate a", "insert into a select 'text'"], ["model.a"]),
        Step("model.c", None, ["drop table a"], ["model.b"]),
    ]
    with writer_lock(settings), connect(settings) as connection:
        with pytest.raises(FailedStep, match="Could not convert") as failed:
            list(run(connection, steps, "a run", threads=2))
        assert failed.value.node == "model.b"
        assert connection.execute("from a").fetchall() == [(1,)]


def test_steps_that_do_not_need_each_other_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2, timeout=60)
    run_step = increments._run

    def run_when_both_have_begun(cursor: Any, step: Step, run_id: str) -> tuple[str, float]:
        if step.needs == ["model.first"]:
            both.wait()
        return run_step(cursor, step, run_id)

    monkeypatch.setattr(increments, "_run", run_when_both_have_begun)
    settings = Settings(home=tmp_path)
    steps = [
        Step("model.first", None, ["create table first as select 1 as x"], []),
        Step("model.left", None, ["create table l as from first"], ["model.first"]),
        Step("model.right", None, ["create table r as from first"], ["model.first"]),
        Step("model.last", None, ["create table s as from l, r"], ["model.left", "model.right"]),
    ]
    with writer_lock(settings), connect(settings) as connection:
        done = [node for node, _ in run(connection, steps, "a run", threads=2)]
    assert (done[0], {*done[1:3]}, done[3]) == (
        "model.first",
        {"model.left", "model.right"},
        "model.last",
    )


def drop_a_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop table marts.fct_retention")


def drop_a_view(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop view staging.stg_footfall__loads")


def build_of_another_definition(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"update {BUILDS} set definition = ''")


def no_build(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"delete from {BUILDS}")


def nothing_at_all(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"drop table {BUILDS}")


@pytest.mark.parametrize(
    "change",
    [
        drop_a_table,
        drop_a_view,
        build_of_another_definition,
        no_build,
        nothing_at_all,
        require_full_refresh,
    ],
)
def test_what_is_no_increment_is_built_by_dbt(
    compiled: CompiledModels, tmp_path: Path, change: Any
) -> None:
    settings = home_copy(compiled, tmp_path / "home")
    with connect(settings) as connection:
        assert increment(settings, connection)
        change(connection)
        assert increment(settings, connection) == []


@pytest.mark.parametrize("damage", ["definition", "judges", "torn"])
def test_what_was_compiled_of_another_definition_is_not_run(
    compiled: CompiledModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    settings = home_copy(compiled, tmp_path / "home")
    if damage == "torn":
        path = settings.home / "dbt" / "increment.json"
        path.write_bytes(path.read_bytes()[:-20])
    else:
        monkeypatch.setattr(compiled_sql, damage, lambda _: "another")
    with connect(settings) as connection:
        assert increment(settings, connection) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"raw_code": "select '{{ run_started_at }}' as built_at"},
        {"raw_code": "select '{{ modules.datetime.date.today() }}' as day"},
        {"raw_code": "select '{{ env_var('STAGE') }}' as stage"},
        {"raw_code": "select {{ run_query('select 1').columns[0] }}"},
        {"language": "python"},
        {"resource_type": "snapshot"},
        {"config": {"materialized": "table", "pre-hook": [{"sql": "select 1"}], "post-hook": []}},
        {"config": {"materialized": "table", "pre-hook": [], "post-hook": [{"sql": "select 1"}]}},
        {"config": {"materialized": "of_a_package", "pre-hook": [], "post-hook": []}},
    ],
)
def test_a_model_that_is_more_than_its_select_stays_with_dbt(tmp_path: Path, changed: Node) -> None:
    settings = Settings(home=tmp_path)
    plain: Node = {
        "resource_type": "model",
        "language": "sql",
        "raw_code": "select {{ modules.re.escape('1') }} as x",
        "relation_name": '"footfall"."marts"."a"',
        "depends_on": {"macros": [], "nodes": []},
        "config": {"materialized": "table", "pre-hook": [], "post-hook": []},
    }
    results = {
        "metadata": {"invocation_id": "7"},
        "results": [{"unique_id": "model.a", "compiled_code": "select 1 as x"}],
    }
    for node, steps in ((plain, 1), (plain | changed, 0)):
        (tmp_path / "dbt" / "increment.json").unlink(missing_ok=True)
        keep_increment(settings, results, {"nodes": {"model.a": node}, "macros": {}})
        assert len(compiled_sql.read_compiled(settings, increments.KIND)) == steps


def test_a_build_is_recorded_under_the_run_that_made_it(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    settings = home_copy(compiled, tmp_path / "home")
    results = json.loads((dbt_target(settings) / "run_results.json").read_text())
    land(settings, "more", golden_lines()[:3])
    with writer_lock(settings):
        load(settings)
    build(settings)
    with connect(settings) as connection:
        runs = connection.execute(
            f"select invocation_id from {BUILDS} order by load_number desc limit 1"
        ).fetchall()
    assert runs == [("a run",)]
    assert results["metadata"]["invocation_id"] not in runs[0]
