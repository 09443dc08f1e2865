"""The export as a reader of its files sees it, and the statement that a chart asks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import yaml

from bi.superset.start import FOLDER

EXPORT = FOLDER / "export"
Asset = dict[str, Any]


def assets(kind: str) -> dict[str, Asset]:
    """The files of one folder by their names: databases, datasets, charts or dashboards."""
    return {
        path.stem: yaml.safe_load(path.read_text()) for path in sorted(Path(EXPORT, kind).iterdir())
    }


def charts_of(dashboard: Asset) -> list[Asset]:
    """Where a dashboard's charts are: each with chartId, uuid and sliceName."""
    return [
        each["meta"]
        for each in dashboard["position"].values()
        if isinstance(each, dict) and each["type"] == "CHART"
    ]


def source(dataset: Asset) -> str:
    """A dataset as something to select from."""
    if dataset["sql"]:
        return f"({dataset['sql']}) as source"
    return f"{dataset['schema']}.{dataset['table_name']}"


def statement(chart: Asset, dataset: Asset) -> str:
    """What a chart asks, in the order of its parameters."""
    params = chart["params"]
    columns = {
        each["column_name"]: each.get("expression") or each["column_name"]
        for each in dataset["columns"]
    }
    metrics = {each["metric_name"]: each["expression"] for each in dataset["metrics"]}
    asked = {name: columns[name] for name in listed(params, "x_axis", "groupby", "all_columns")}
    if grain := GRAINS[params.get("time_grain_sqla")]:
        asked[params["x_axis"]] = f"date_trunc('{grain}', {params['x_axis']})"
    measured = {name: metrics[name] for name in listed(params, "metrics", "metric")}
    selected = ", ".join(f'{text} as "{name}"' for name, text in (asked | measured).items())
    where = " and ".join(["true", *map(condition, params["adhoc_filters"])])
    grouped = f" group by {', '.join(asked.values())}" if asked and measured else ""
    return f"select {selected} from {source(dataset)} where {where}{grouped}"


GRAINS = {None: None, "P1D": "day", "P1W": "week"}


def listed(params: Asset, *names: str) -> list[str]:
    """Parameters that name one thing, or several."""
    values = [params[name] for name in names if params.get(name)]
    return [each for value in values for each in ([value] if isinstance(value, str) else value)]


def condition(given: Asset) -> str:
    """A filter as a condition. The period of a chart is left to its dashboard."""
    subject, operator, value = given["subject"], given["operator"], given["comparator"]
    if operator == "TEMPORAL_RANGE":
        assert value == "No filter"
        return "true"
    if operator == "==":
        return f"{subject} = '{value}'"
    assert operator in ("IS TRUE", "IS FALSE", "IS NOT NULL")
    return f"{subject} {operator}"


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Asset]:
    """What a statement answers, as `compared`."""
    cursor = connection.execute(sql)
    names = [name for name, *_ in cursor.description]
    return compared([dict(zip(names, row, strict=True)) for row in cursor.fetchall()])


def compared(found: list[Asset]) -> list[Asset]:
    """Rows in an order of their own. Times are milliseconds, as Superset writes them."""
    plain = [{name: _plain(row[name]) for name in sorted(row)} for row in found]
    return sorted(plain, key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _plain(value.replace(tzinfo=UTC).timestamp() * 1000)
    if isinstance(value, date):
        return _plain(datetime(value.year, value.month, value.day))
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return float(f"{value:.12g}")
    return value
