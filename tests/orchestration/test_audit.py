"""Write, audit, publish: what a failed check keeps from readers, and what it says."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import duckdb
import pytest
from dagster import DagsterEventType
from dagster_dbt import DagsterDbtTranslator, DbtCliResource

from ingestion.settings import Settings
from orchestration.audit import SHOWN, FailedNode, advice, audited, failed_nodes, failure, tells_all
from tests.models_in_memory import CompiledModels, run_dbt, warehouse_copy
from tests.test_end_to_end import Site, golden_lines
from transformation.audit_queries import PLAIN, keep_queries
from transformation.current import Outcome
from transformation.dbt_command import dbt_target
from warehouse.connection import connect

TESTS = sorted((Settings().dbt_project / "tests").glob("*.sql"))


def plant(site: Site, name: str) -> str:
    """A segment that holds a line less than its collector counted; returns the line's event id."""
    line = {**golden_lines()[0], "event_id": "the planted event", "user_id": "a planted person"}
    path = Path(site.settings.landing) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    body = json.dumps(line).encode() + b"\n"
    path.write_bytes(body)
    manifest = {
        "segment": name,
        "lines": 2,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "received": {line["source_id"]: {line["received_at"][:10]: 2}},
    }
    place = Path(site.settings.landing) / "manifest" / "date=2026-03-01" / f"{path.stem}.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(manifest))
    return str(line["event_id"])


def test_a_bad_row_keeps_yesterdays_file_and_the_run_says_which_and_what_to_do(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path / "site")
    yesterday = b"what people read yesterday"
    site.settings.published.write_bytes(yesterday)
    name = "events/date=2026-03-01/hour=08/01J00000000000000000000000-a.ndjson"
    event_id = plant(site, name)

    failed = site.nightly()

    assert failed.returncode == 1
    assert site.settings.published.read_bytes() == yesterday
    said = failed.stderr
    assert "build: dbt: 1 failed. Nothing was published" in said
    assert "ledger_explains_every_event: failing rows: 1" in said
    assert "Do: look for the files named in segments_short" in said
    assert "Traceback" not in said
    assert "Stack Trace" not in said

    # The command that it names shows the rows; it and the UI do not.
    (command,) = [line.strip() for line in said.splitlines() if "import duckdb" in line]
    shown = subprocess.run(command, shell=True, text=True, capture_output=True, check=True)
    assert "unexplained" in shown.stdout
    with connect(site.settings, read_only=True) as connection:
        accounts = connection.execute(
            "select segments_short from test_failures.ledger_explains_every_event"
        ).fetchall()
    assert accounts == [(f'["{name} (written: 2, loaded: 1)"]',)]
    told = step_failure(site.settings)
    assert told.description is not None
    assert told.description in said
    assert "test_failures.ledger_explains_every_event" in str(
        told.metadata["ledger_explains_every_event"].value
    )
    for secret in (event_id, "a planted person"):
        assert secret not in said + str(told)


def step_failure(settings: Settings) -> Any:
    """What the UI shows at the failed step `build`."""
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        (run,) = instance.get_runs()
        (record,) = instance.get_records_for_run(
            run.run_id, of_type=DagsterEventType.STEP_FAILURE
        ).records
    event = record.event_log_entry.dagster_event
    assert event is not None
    assert event.step_key == "build"
    return event.step_failure_data.user_failure_data


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.stem))
def test_every_test_says_what_it_flags_why_it_matters_and_what_to_do(path: Path) -> None:
    lines = advice({"raw_code": path.read_text()}).splitlines()

    assert [line.partition(": ")[0] for line in lines] == ["Flags", "Matters", "Do"]
    assert all(line.endswith(".") for line in lines)


def test_failing_rows_stand_in_a_table_until_the_test_holds_again(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    settings = warehouse_copy(compiled, tmp_path / "home")
    name = "stg_footfall__events_never_null"

    def sql(statement: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(settings.warehouse)) as connection:
            return connection.execute(statement).fetchall()

    def test() -> None:
        run_dbt(settings, "test", "--select", name)

    (kept,) = sql("select event_name from staging.stg_footfall__events where rowid = 0")
    sql("update staging.stg_footfall__events set event_name = null where rowid = 0")
    with pytest.raises(AssertionError, match=name):
        test()
    tables = "select table_name from duckdb_tables() where schema_name = 'test_failures'"
    assert sql(tables) == [(name,)]
    assert sql(f"select event_name from test_failures.{name}") == [(None,)]
    sql(f"update staging.stg_footfall__events set event_name = '{kept[0]}' where rowid = 0")
    test()
    assert sql(tables) == []


def test_a_generic_test_says_what_its_kind_means() -> None:
    node = {
        "raw_code": "{{ test_unique_together(**_dbt_generic_test_kwargs) }}",
        "attached_node": "model.footfall.ledger",
        "test_metadata": {
            "name": "unique_together",
            "kwargs": {"columns": ["source_id", "received_date"]},
        },
    }

    assert advice(node).splitlines()[0] == (
        "Flags: values of source_id, received_date that stand in ledger together more than once."
    )
    assert advice({**node, "description": "A site's own words."}) == "A site's own words."


def test_what_dbt_could_not_run_is_told_first_and_without_values() -> None:
    manifest = {
        "nodes": {
            "test.footfall.a": {"name": "a_test", "raw_code": "select 1"},
            "model.footfall.b": {"name": "b_model"},
        }
    }
    results: dict[str, list[dict[str, Any]]] = {
        "results": [
            {
                "unique_id": "test.footfall.a",
                "status": "fail",
                "failures": 3,
                "relation_name": '"footfall"."test_failures"."a_test"',
            },
            {"unique_id": "test.footfall.warned", "status": "warn", "failures": 1},
            {
                "unique_id": "model.footfall.b",
                "status": "error",
                "message": "Runtime Error\n\n  Could not convert string 'u1@shop.example' to INT32",
            },
        ]
    }

    model, test = failed_nodes(results["results"], manifest)

    assert (model.name, model.rows) == ("b_model", None)
    assert model.says == "Runtime Error\nCould not convert string '…' to INT32"
    assert (test.name, test.rows, test.relation) == ("a_test", 3, "test_failures.a_test")


def test_a_long_list_is_cut_and_says_so(tmp_path: Path) -> None:
    nodes = [
        FailedNode(f"test_{number}", 1, "test_failures.x", "Do: look.") for number in range(30)
    ]

    told = failure(nodes, 1, tmp_path / "dbt.log", Settings(home=tmp_path))

    assert f"and {30 - SHOWN} more: see {tmp_path}/dbt.log" in str(told.description)
    assert len(told.metadata) == SHOWN + 1


@pytest.mark.parametrize("written", ["", '{"results": ['])
def test_a_dbt_that_was_killed_is_not_told_by_the_last_ones_results(
    tmp_path: Path, written: str
) -> None:
    last = {"results": [{"unique_id": "test.x", "status": "fail", "failures": 1}]}
    results = dbt_target(Settings(home=tmp_path)) / "run_results.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps(last))

    class KilledDbt:
        """A dbt that ends by SIGKILL before it has written anything, or while it writes."""

        def cli(self, *_: Any, **__: Any) -> Any:
            def stream() -> Iterator[Any]:
                if written:
                    results.write_text(written)
                yield from ()

            return SimpleNamespace(stream=stream, process=SimpleNamespace(wait=lambda: -9))

    build = audited(
        cast("DbtCliResource", KilledDbt()),
        cast("dg.AssetExecutionContext", None),
        Settings(home=tmp_path),
        {"nodes": {}},
        DagsterDbtTranslator(),
        is_whole=True,
        is_full_refresh=False,
    )
    with pytest.raises(dg.Failure, match="dbt ended with -9 before it had run anything"):
        list(build)


def test_a_test_that_is_no_check_of_an_asset_stops_a_run_too(tmp_path: Path) -> None:
    """dbt had compiled it, so that it is asked without dbt."""
    settings = Settings(home=tmp_path)
    test: dict[str, Any] = {
        **{"unique_id": "test.a", "name": "a_test", "resource_type": "test", "raw_code": ""},
        **{"database": "footfall", "schema": "test_failures", "alias": "a_test"},
        "config": {**PLAIN, "severity": "error", "meta": {}},
        "depends_on": {"macros": [], "nodes": []},
    }
    manifest = {"nodes": {"test.a": test}, "sources": {}, "macros": {}}
    compiled = [{"unique_id": "test.a", "compiled_code": "select 42 as planted"}]
    keep_queries(settings, compiled, manifest)

    def cli(arguments: list[str], **_: Any) -> Any:
        assert arguments == ["build", "--exclude-resource-type", "unit_test", "test"]
        return SimpleNamespace(stream=list, process=SimpleNamespace(wait=lambda: 0))

    build = audited(
        cast("DbtCliResource", SimpleNamespace(cli=cli)),
        cast("dg.AssetExecutionContext", SimpleNamespace(selected_asset_check_keys=frozenset())),
        settings,
        manifest,
        DagsterDbtTranslator(),
        is_whole=True,
        is_full_refresh=False,
    )
    with pytest.raises(dg.Failure, match="a_test: failing rows: 1"):
        list(build)


def test_a_build_that_kept_no_outcomes_is_not_told_again() -> None:
    checks = [dg.AssetCheckKey(dg.AssetKey(["marts", "x"]), name) for name in ("a", "b")]
    a, b = (Outcome("marts/x", name, True, "ERROR", None, 0) for name in ("a", "b"))
    assert tells_all(checks, [a, b])
    assert not tells_all(checks, [a])
    assert not tells_all(checks, [])


def test_failing_rows_are_kept_where_the_audit_says(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create schema test_failures")
        connection.execute("create table test_failures.a_test as select 42 as planted")

    told = FailedNode("a_test", 1, "test_failures.a_test", "Do: look.").told(settings)

    command = told.splitlines()[-1].strip()
    shown = subprocess.run(command, shell=True, text=True, capture_output=True, check=True)
    assert "42" in shown.stdout
