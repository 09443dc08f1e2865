"""MetricFlow answers what the marts hold; where its own rules differ, there is no such metric."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import jinja2
import pytest
import yaml
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest

from tests.histories import random_histories, side_by_side
from tests.lines import line
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle.events import File
from tests.oracle.revenue import lines_of_money
from tests.semantic_layer import (
    MARTS,
    METRICS,
    asked,
    dimensions,
    engine,
    expected,
)
from transformation.dbt_command import dbt_target

DOCUMENT = Path(__file__).parents[1] / "docs" / "semantic-layer.md"
APRIL = datetime(2026, 4, 1)
ZONE = "FOOTFALL_REPORTING_TIME_ZONE"
PROJECT = Path(__file__).parents[1] / "dbt_project"


@pytest.fixture(scope="module")
def manifest(compiled: CompiledModels) -> dict[str, Any]:
    """What dbt wrote of the semantic models and metrics."""
    path = dbt_target(compiled.settings) / "semantic_manifest.json"
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.fixture(scope="module")
def connection(compiled: CompiledModels) -> duckdb.DuckDBPyConnection:
    """The marts of many histories, which have a little of everything."""
    warehouse = MemoryWarehouse(compiled)
    for files in side_by_side(list(random_histories(1, 60))).loads:
        warehouse.load(files)
    money = [line(**each) for each in lines_of_money(Random(1).choice, 200)]
    warehouse.load([File("money.ndjson", money)])
    warehouse.build()
    return warehouse.connection


@pytest.fixture(scope="module")
def metricflow(manifest: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> MetricFlowEngine:
    return engine(manifest, connection)


def test_every_metric_is_compared_with_its_mart(metricflow: MetricFlowEngine) -> None:
    assert {metric.name for metric in metricflow.list_metrics()} == METRICS.keys()


@pytest.mark.parametrize("mart", MARTS)
def test_metrics_together_are_those_of_the_mart_by_each_dimension(
    metricflow: MetricFlowEngine, connection: duckdb.DuckDBPyConnection, mart: str
) -> None:
    metrics = [name for name, metric in METRICS.items() if metric.mart == mart]
    by = [None, *dimensions(metricflow, metrics[0])]
    for metric in metrics:
        assert [None, *dimensions(metricflow, metric)] == by
    for each in by:
        assert asked(metricflow, metrics, each) == expected(connection, metrics, each), each


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_alone_is_that_of_the_mart(
    metricflow: MetricFlowEngine, connection: duckdb.DuckDBPyConnection, metric: str
) -> None:
    by = dimensions(metricflow, metric)
    answers = [asked(metricflow, [metric], each) for each in (None, by[0], by[-1])]
    assert answers == [expected(connection, [metric], each) for each in (None, by[0], by[-1])]
    assert any(value for answer in answers for (value,) in answer.values())


@pytest.mark.exactness
@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_alone_is_that_of_the_mart_by_each_dimension(
    metricflow: MetricFlowEngine, connection: duckdb.DuckDBPyConnection, metric: str
) -> None:
    for each in dimensions(metricflow, metric):
        assert asked(metricflow, [metric], each) == expected(connection, [metric], each), each


def test_what_the_document_and_the_saved_queries_ask_is_answered(
    manifest: dict[str, Any], metricflow: MetricFlowEngine
) -> None:
    queries = re.findall(r"orchestration mf query (.*)", DOCUMENT.read_text())
    asked_by_name = {"--saved-query": "saved_query_name"}
    lists = {"--metrics": "metric_names", "--group-by": "group_by_names"}
    lists |= {"--where": "where_constraints", "--order": "order_by_names"}
    requests = [{"saved_query_name": each["name"]} for each in manifest["saved_queries"]]
    for query in queries:
        words = shlex.split(query)
        pairs = zip(words[::2], words[1::2], strict=True)
        requests.append(
            {
                asked_by_name.get(name) or lists[name]: value
                if name in asked_by_name
                else [value]
                if name == "--where"
                else value.split(",")
                for name, value in pairs
            }
        )
    assert len(requests) > 8
    for request in requests:
        answer = metricflow.query(MetricFlowQueryRequest.create(**request)).result_df
        assert answer is not None
        assert list(answer.rows), request


def test_a_period_that_is_cut_is_asked_for_as_a_whole(
    metricflow: MetricFlowEngine, connection: duckdb.DuckDBPyConnection
) -> None:
    cut = MetricFlowQueryRequest.create(
        metric_names=["new_persons"],
        group_by_names=["metric_time__month"],
        time_constraint_end=datetime(2026, 3, 28),
    )
    answer = metricflow.query(cut).result_df
    assert answer is not None
    whole = expected(connection, ["new_persons"], "metric_time__month")
    assert {row[0]: row[1:] for row in answer.rows}.items() <= whole.items()
    days = expected(connection, ["new_persons"], "metric_time__day")
    assert any(new for day, (new,) in days.items() if datetime(2026, 3, 28) < day < APRIL)


def test_the_day_of_an_event_is_that_of_the_reporting_time_zone() -> None:
    events = yaml.safe_load((PROJECT / "marts/events/_events__metrics.yml").read_text())
    (day,) = [
        each["expr"]
        for model in events["semantic_models"]
        for each in model["dimensions"]
        if each["type"] == "time"
    ]
    zone = "America/Winnipeg"
    written = jinja2.Template(day).render(env_var=lambda name, _: {ZONE: zone}[name])
    macro = f"cast((occurred_at at time zone 'UTC') at time zone '{zone}' as date)"
    assert duckdb.execute(
        f"select distinct {written} = {macro} as is_same, {written} = cast(occurred_at as date)"
        " as is_utc from range(timestamp '2026-03-01', timestamp '2026-12-01', interval 7 minute)"
        " as times (occurred_at) order by all"
    ).fetchall() == [(True, False), (True, True)]


def test_a_metric_that_sums_days_itself_is_not_offered(
    manifest: dict[str, Any], connection: duckdb.DuckDBPyConnection
) -> None:
    """By day it is weekly_actives; of a month it gives the first day and not the last."""
    trailing = {
        "name": "trailing_actives",
        "type": "cumulative",
        "type_params": {
            "measure": {"name": "active_persons"},
            "cumulative_type_params": {"window": {"count": 7, "granularity": "day"}},
        },
    }
    metricflow = engine({**manifest, "metrics": [*manifest["metrics"], trailing]}, connection)

    def differing(grain: str) -> int:
        by = f"metric_time__{grain}"
        theirs = asked(metricflow, ["trailing_actives"], by)
        ours = expected(connection, ["weekly_actives"], by)
        return sum(theirs[period] != ours[period] for period in theirs)

    assert (differing("day"), differing("month") > 0) == (0, True)
    assert not {"cumulative", "conversion"} & {each["type"] for each in manifest["metrics"]}


def test_the_mean_of_an_experiment_is_that_of_its_results(
    metricflow: MetricFlowEngine, connection: duckdb.DuckDBPyConnection
) -> None:
    by = ("experiment_name", "metric_name", "variant")
    request = MetricFlowQueryRequest.create(
        metric_names=["experiment_mature_persons", "experiment_mean_value"],
        group_by_names=[f"experiment_value__{each}" for each in by],
    )
    answer = metricflow.query(request).result_df
    assert answer is not None
    results = connection.execute(
        f"select {', '.join(by)}, mature_persons, mean_value from marts.fct_experiment_results "
        "where is_latest and mature_persons > 0"
    ).fetchall()
    assert results
    assert sorted(map(tuple, answer.rows)) == sorted(results)


def test_the_last_interval_of_an_experiment_is_not_offered(manifest: dict[str, Any]) -> None:
    """MetricFlow takes the last day of all experiments: one that is over has no interval then."""
    (like,) = [each for each in manifest["semantic_models"] if each["name"] == "cohort_days"]
    (days,) = [each for each in like["dimensions"] if each["name"] == "activity_date"]
    (names,) = [each for each in like["dimensions"] if each["name"] == "cohort_name"]
    (last,) = [each for each in like["measures"] if each["name"] == "cohort_members"]
    (metric,) = [each for each in manifest["metrics"] if each["name"] == "cohort_members"]
    results = {
        **like,
        "name": "experiment_results",
        "primary_entity": "experiment_result",
        "dimensions": [days, {**names, "name": "experiment_name"}],
        "measures": [{**last, "expr": "always_low"}],
        "node_relation": {
            **like["node_relation"],
            "alias": "experiment_results",
            "relation_name": '"footfall"."marts"."experiment_results"',
        },
    }
    changed = {"semantic_models": [results], "metrics": [metric], "saved_queries": []}
    with duckdb.connect() as connection:
        connection.execute(
            """
            attach ':memory:' as footfall; create schema footfall.marts;
            create table footfall.marts.experiment_results as
            from (values
                ('over', date '2026-03-01', 0.5), ('over', date '2026-03-02', 0.25),
                ('running', date '2026-03-08', 0.75), ('running', date '2026-03-09', 0.125)
            ) as days (experiment_name, activity_date, always_low)
            """
        )
        metricflow = engine({**manifest, **changed}, connection)
        answer = asked(metricflow, ["cohort_members"], "experiment_result__experiment_name")
    assert answer.keys() == {"running"}


@pytest.mark.parametrize(
    ("bought_at", "counts"),
    [
        ("2026-03-01 11:00:00", True),
        # The same day, and before the visit.
        ("2026-03-01 09:00:00", True),
        ("2026-03-07 23:00:00", True),
        # Less than seven days after the visit.
        ("2026-03-08 09:00:00", False),
    ],
)
def test_a_conversion_of_metricflow_is_cut_to_days_and_so_is_not_offered(
    manifest: dict[str, Any], bought_at: str, counts: bool
) -> None:
    (events,) = [each for each in manifest["semantic_models"] if each["name"] == "events"]

    def happening(name: str) -> dict[str, Any]:
        return {
            **events,
            "name": name,
            "node_relation": {
                **events["node_relation"],
                "alias": name,
                "relation_name": f'"footfall"."marts"."{name}"',
            },
            "entities": [each for each in events["entities"] if each["name"] == "person"],
            "primary_entity": name,
            "dimensions": [each for each in events["dimensions"] if each["name"] == "event_date"],
            "measures": [{**events["measures"][0], "name": name}],
        }

    converted = {
        "name": "converted",
        "type": "conversion",
        "type_params": {
            "conversion_type_params": {
                "entity": "person",
                "calculation": "conversions",
                "window": {"count": 7, "granularity": "day"},
                "base_measure": {"name": "visits"},
                "conversion_measure": {"name": "purchases"},
            }
        },
    }
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as footfall; create schema footfall.marts")
        for name, moment in (("visits", "2026-03-01 10:00:00"), ("purchases", bought_at)):
            connection.execute(
                f"create table footfall.marts.{name} as select '{name}' as event_id,"
                f" 'ann' as person_id, timestamp '{moment}' as occurred_at"
            )
        metricflow = engine(
            {
                **manifest,
                "semantic_models": [happening("visits"), happening("purchases")],
                "metrics": [converted],
                "saved_queries": [],
            },
            connection,
        )
        answer = asked(metricflow, ["converted"], "metric_time__day")
    assert [each for (each,) in answer.values()] == [1 if counts else None]
