"""The export is whole, and its charts ask what the marts answer. No Superset is needed for this."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from bi.superset.describe import described
from bi.superset.start import FOLDER
from publishing.questions import tables_of
from tests.bi.answers import ANSWERS
from tests.bi.export import EXPORT, assets, charts_of, listed, rows, source, statement
from tests.explorer.test_exposures import exposed, models
from tests.selling import sell

DATABASES, DATASETS, CHARTS, DASHBOARDS = map(
    assets, ("databases", "datasets", "charts", "dashboards")
)
BY_UUID = {
    each["uuid"]: each
    for each in [*DATABASES.values(), *DATASETS.values(), *CHARTS.values(), *DASHBOARDS.values()]
}


@pytest.fixture(scope="module")
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, opened as the export says."""
    arguments = DATABASES["footfall"]["extra"]["engine_params"]["connect_args"]
    with duckdb.connect(str(published), **arguments) as each:
        yield each


def test_no_two_things_have_the_same_uuid() -> None:
    files = list(EXPORT.rglob("*.yaml"))
    assert len(BY_UUID) == len(files) - 1, "and metadata.yaml has none"


def test_each_thing_names_one_that_is_there() -> None:
    for dataset in DATASETS.values():
        assert BY_UUID[dataset["database_uuid"]] == DATABASES["footfall"]
    for chart in CHARTS.values():
        assert BY_UUID[chart["dataset_uuid"]] in DATASETS.values()
        assert chart["params"]["viz_type"] == chart["viz_type"]
    for dashboard in DASHBOARDS.values():
        for place in charts_of(dashboard):
            assert BY_UUID[place["uuid"]]["slice_name"] == place["sliceName"]
        for each in dashboard["metadata"]["native_filter_configuration"]:
            for target in filter(None, each["targets"]):
                columns = BY_UUID[target["datasetUuid"]]["columns"]
                assert target["column"]["name"] in {column["column_name"] for column in columns}


def test_every_chart_is_on_a_dashboard_once_and_every_dataset_has_a_chart() -> None:
    for dashboard in DASHBOARDS.values():
        for key in ("uuid", "chartId"):
            assert max(Counter(place[key] for place in charts_of(dashboard)).values()) == 1
    placed = {place["uuid"] for dashboard in DASHBOARDS.values() for place in charts_of(dashboard)}
    assert placed == {chart["uuid"] for chart in CHARTS.values()}
    assert {chart["dataset_uuid"] for chart in CHARTS.values()} == {
        dataset["uuid"] for dataset in DATASETS.values()
    }


def test_the_parts_of_a_dashboard_hang_together() -> None:
    for dashboard in DASHBOARDS.values():
        position = dashboard["position"]
        for name, each in position.items():
            if isinstance(each, dict):
                assert each["id"] == name
                assert all(
                    name in position[child].get("parents", [name])
                    for child in each.get("children", [])
                )
        for row in position["GRID_ID"]["children"]:
            assert sum(position[each]["meta"]["width"] for each in position[row]["children"]) == 12


def test_everything_is_described() -> None:
    for each in [*DATASETS.values(), *CHARTS.values(), *DASHBOARDS.values()]:
        assert each["description"]
    for dataset in DATASETS.values():
        for part in [*dataset["columns"], *dataset["metrics"]]:
            assert part["description"], (dataset["table_name"], part)


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_has_the_columns_of_its_table_and_their_descriptions(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    dataset = DATASETS[name]
    assert described(dataset, connection) == dataset, "run python -m bi.superset.describe"
    found = connection.execute(f"describe from {source(dataset)}").fetchall()
    assert [(column, kind) for column, kind, *_ in found] == [
        (column["column_name"], column["type"])
        for column in dataset["columns"]
        if "expression" not in column
    ]
    assert dataset["main_dttm_col"] in {None, *(column for column, *_ in found)}


@pytest.mark.parametrize("name", DATASETS)
def test_every_metric_and_calculated_column_can_be_asked(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    dataset = DATASETS[name]
    for each in dataset["metrics"]:
        connection.execute(f"select {each['expression']} from {source(dataset)}")
    for column in dataset["columns"]:
        if "expression" in column:
            asked = f"select {column['expression']} from {source(dataset)}"
            ((_, kind, *_),) = connection.execute(f"describe {asked}").fetchall()
            assert kind == column["type"]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_shows_what_the_mart_says(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    dataset = BY_UUID[CHARTS[name]["dataset_uuid"]]
    shown = rows(connection, statement(CHARTS[name], dataset))
    assert shown == rows(connection, ANSWERS[name])


def test_charts_of_revenue_show_what_the_mart_says_of_days_with_refunds_alone(
    published: Path, tmp_path: Path
) -> None:
    file = shutil.copyfile(published, tmp_path / "footfall.duckdb")
    with duckdb.connect(str(file)) as connection:
        sell(
            connection,
            ("order", "EUR", 20.5, "2026-03-14"),
            ("order", "JPY", 1000, "2026-03-14"),
            ("refund", "EUR", 5.25, "2026-03-15"),
        )
        for name in ("orders", "net_revenue", "revenue_by_currency", "revenue_not_counted"):
            dataset = BY_UUID[CHARTS[name]["dataset_uuid"]]
            shown = rows(connection, statement(CHARTS[name], dataset))
            assert shown, name
            assert shown == rows(connection, ANSWERS[name]), name


@pytest.mark.parametrize("name", CHARTS)
def test_a_metric_holds_its_rule_without_the_filters_of_its_chart(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    chart, dataset = CHARTS[name], BY_UUID[CHARTS[name]["dataset_uuid"]]
    measures = listed(chart["params"], "metric", "metrics")  # a list of findings has none
    filters = [
        each for each in chart["params"]["adhoc_filters"] if not each["subject"].startswith("is_")
    ]
    unfiltered = {**chart, "params": {**chart["params"], "adhoc_filters": filters}}
    shown, expected = (
        [row for row in rows(connection, sql) if any(row[each] for each in measures)]
        for sql in (statement(unfiltered, dataset), ANSWERS[name])
    )
    assert shown == expected


def test_the_golden_days_give_most_charts_something_to_show(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    # Those that they leave empty are compared in test_superset.py.
    assert {name for name, sql in ANSWERS.items() if not rows(connection, sql)} == {
        *("broken_checks", "catalog_findings", "restatements"),
        *("countries", "lost_by_clients", "pages"),
        *("experiment_differences", "net_revenue", "orders", "revenue_by_currency"),
    }


@pytest.mark.parametrize(
    ("name", "rows_of_it", "alone", "expected"),
    [
        (
            "fct_revenue_events",
            """
            select
                unnest(['order', 'order', 'refund', 'refund']) as kind,
                unnest(['EUR', 'JPY', 'EUR', 'EUR']) as currency,
                unnest([20.5, 1000, 5.25, 99]) as amount,
                unnest([true, true, true, false]) as is_counted, true as is_complete,
                '' as person_id
            """,
            "currency = 'EUR'",
            {"orders": 1, "sold": 20.5, "refunded": 5.25, "net": 15.25, "average_order": 20.5}
            | {"buyers": 1, "not_counted": 1},
        ),
        (
            "fct_cohort_days",
            """
            select
                unnest(['a', 'a', 'a', 'b']) as cohort_name, unnest([3, 4, 9, 7]) as members,
                unnest([1, 2, 3, 2]) as activity_date,
                unnest([true, true, false, true]) as is_complete, 1 as joined, 2 as departed
            """,
            "cohort_name = 'a'",
            {"last_members": 4, "sum_joined": 2, "sum_departed": 4},
        ),
        (
            "fct_experiment_results",
            """
            select
                'a' as experiment_name, unnest(['m', 'm', 'n']) as metric_name, 'v' as variant,
                unnest([false, true, true]) as is_latest, unnest([1, 2, 2]) as result_date,
                unnest([5, 30, 30]) as persons, 100 as planned_persons, unnest([9, 4, 4])
                as days_until_planned, unnest([0.1, 0.2, 0.2]) as ratio_p_value,
                unnest([0.5, 0.25, 3]) as difference, 0.125 as always_low, 0.75 as always_high
            """,
            "metric_name = 'm'",
            {"exposed_persons": 30, "planned": 100, "days_to_go": 4, "chance_of_shares": 0.2}
            | {"last_difference": 0.25, "last_low": 0.125, "last_high": 0.75},
        ),
    ],
)
def test_a_metric_of_what_cannot_be_added_is_empty_over_several(
    name: str, rows_of_it: str, alone: str, expected: dict[str, float]
) -> None:
    metrics = {each["metric_name"]: each["expression"] for each in DATASETS[name]["metrics"]}
    asked = f"select {', '.join(f'{metrics[each]} as {each}' for each in expected)}"
    with duckdb.connect() as connection:
        (one,) = rows(connection, f"{asked} from ({rows_of_it}) where {alone}")
        (all_of_it,) = rows(connection, f"{asked} from ({rows_of_it})")
    assert one == {each: float(value) for each, value in expected.items()}
    added = {"orders", "buyers", "not_counted", "sum_joined", "sum_departed", "planned"}
    assert {each for each, value in all_of_it.items() if value is None} == expected.keys() - added


@pytest.mark.parametrize(
    "forbidden",
    [
        "create table marts.other (x integer)",
        "delete from marts.fct_events",
        "select * from read_csv('/etc/hostname')",
        "copy marts.fct_events to '/tmp/events.csv'",
        "attach '/tmp/other.duckdb'",
        "set enable_external_access = true",
    ],
)
def test_a_statement_of_a_reader_changes_nothing_and_reads_no_other_file(
    connection: duckdb.DuckDBPyConnection, forbidden: str
) -> None:
    with pytest.raises(duckdb.Error):
        connection.execute(forbidden)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_exposure_of_a_dashboard_names_what_it_reads(name: str) -> None:
    asked = [
        source(BY_UUID[BY_UUID[place["uuid"]]["dataset_uuid"]])
        for place in charts_of(DASHBOARDS[name])
    ]
    read = {table.removeprefix("marts.") for text in asked for table in tables_of(text)}
    assert exposed(f"superset_{name}") == read & models()


def test_superset_is_installed_by_name_and_hash() -> None:
    lock = (FOLDER / "requirements.lock").read_text()
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^[a-z0-9._-]+(?:\[[\w,-]+\])?==\S+.*$", lock, re.MULTILINE)
    assert all(line.rstrip().endswith("\\") for line in pinned)
    names = {re.split(r"[=\[]", line)[0] for line in pinned}
    wanted = re.findall(r"^[a-z-]+", (FOLDER / "requirements.in").read_text(), re.MULTILINE)
    assert set(wanted) <= names
