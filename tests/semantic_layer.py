"""What MetricFlow is expected to answer: each metric in SQL on the marts, by each dimension."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import duckdb
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.type_enums.dimension_type import DimensionType
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from metricflow_semantics.sql.sql_bind_parameters import SqlBindParameterSet

GRAINS = ("day", "week", "month", "quarter", "year")


class Mart(NamedTuple):
    """What the dimensions of a mart are called, its day, and the marts whose dimensions it has."""

    entity: str
    day: str
    joined: tuple[str, ...] = ()
    first_grain: str = "day"


#: The marts that are joined for their dimensions, each with what it is joined by.
JOINS = {
    "account": "marts.dim_accounts as account on mart.account_id = account.account_id",
    "person": "marts.dim_persons as person on mart.person_id = person.person_id",
    "session": "marts.fct_sessions as session on mart.session_id = session.session_id",
    "session__person": (
        "marts.dim_persons as session__person on session.person_id = session__person.person_id"
    ),
}
MARTS = {
    "fct_person_days": Mart("person_day", "activity_date", ("person",)),
    "fct_account_days": Mart("account_day", "activity_date", ("account", "person")),
    "fct_daily_actives": Mart("activity_day", "activity_date"),
    "fct_cohort_days": Mart("cohort_day", "activity_date"),
    "fct_person_weeks": Mart("person_week", "week_start", ("person",), "week"),
    "fct_retention": Mart("cohort_period", "cohort_date"),
    "fct_sessions": Mart("session", "session_date", ("person",)),
    "fct_page_days": Mart("page_day", "session_date"),
    "fct_events": Mart(
        "event", "cast(mart.occurred_at as date)", ("person", "session", "session__person")
    ),
    "fct_orders": Mart("order", "order_date", ("person", "session", "session__person")),
    "fct_experiment_exposures": Mart("experiment_exposure", "exposure_date", ("person",)),
    "fct_experiment_values": Mart("experiment_value", "closes_on", ("person",)),
    "fct_funnel_attempts": Mart("funnel_attempt", "entry_date", ("person",)),
    "fct_funnel_steps": Mart("funnel_step", "entry_date"),
}


class Metric(NamedTuple):
    """A metric as SQL: of which mart, the value over a group of its rows, and which rows."""

    mart: str
    value: str
    where: str = "true"


def of_last_day(column: str) -> str:
    """The value of the group's last day: days do not add up to it."""
    rows = f"list({{'day': mart.activity_date, 'value': mart.{column}}})"
    return f"list_sum([each.value for each in {rows} if each.day = max(mart.activity_date)])"


HUMANS = "not mart.is_bot"
ACTIVITY = "mart.is_activity and not mart.is_bot"
RETAINED = "sum(mart.retained_persons) / sum(mart.cohort_size)"
METRICS = {
    "active_persons": Metric("fct_person_days", "count(distinct mart.person_id)"),
    "daily_actives": Metric("fct_daily_actives", of_last_day("daily_actives")),
    "weekly_actives": Metric("fct_daily_actives", of_last_day("weekly_actives")),
    "monthly_actives": Metric("fct_daily_actives", of_last_day("monthly_actives")),
    "bot_actives": Metric("fct_daily_actives", of_last_day("bot_actives")),
    "stickiness": Metric(
        "fct_daily_actives",
        f"{of_last_day('daily_actives')} / nullif({of_last_day('monthly_actives')}, 0)",
    ),
    "cohort_members": Metric("fct_cohort_days", of_last_day("members")),
    "cohort_joined": Metric("fct_cohort_days", "sum(mart.joined)"),
    "cohort_departed": Metric("fct_cohort_days", "sum(mart.departed)"),
    "new_persons": Metric("fct_daily_actives", "sum(mart.new_persons)"),
    "returning_persons": Metric("fct_daily_actives", "sum(mart.returning_persons)"),
    "resurrected_persons": Metric("fct_daily_actives", "sum(mart.resurrected_persons)"),
    "dormant_persons": Metric("fct_daily_actives", "sum(mart.dormant_persons)"),
    "active_person_weeks": Metric("fct_person_weeks", "count(*)"),
    "active_person_week_days": Metric("fct_person_weeks", "sum(mart.active_days)"),
    "active_days_per_week": Metric("fct_person_weeks", "avg(mart.active_days)"),
    "cohort_persons": Metric("fct_retention", "sum(mart.cohort_size)", "mart.is_mature"),
    "retained_persons": Metric("fct_retention", "sum(mart.retained_persons)", "mart.is_mature"),
    **{
        f"{name}_retention_rate": Metric(
            "fct_retention",
            RETAINED,
            f"mart.is_mature and mart.period_type = '{period}' and mart.period_number {number}",
        )
        for name, period, number in (
            ("daily", "day", "> 0"),
            ("weekly", "week", "> 0"),
            ("day_1", "day", "= 1"),
            ("day_7", "day", "= 7"),
            ("day_30", "day", "= 30"),
        )
    },
    "sessions": Metric("fct_sessions", "count(*)", HUMANS),
    "visitors": Metric("fct_sessions", "count(distinct mart.person_id)", HUMANS),
    "bounced_sessions": Metric("fct_sessions", "count_if(mart.is_bounce)", HUMANS),
    "engaged_sessions": Metric("fct_sessions", "count_if(mart.is_engaged)", HUMANS),
    "session_events": Metric("fct_sessions", "sum(mart.event_count)", HUMANS),
    "session_page_views": Metric("fct_sessions", "sum(mart.page_view_count)", HUMANS),
    "median_session_seconds": Metric("fct_sessions", "median(mart.duration_seconds)", HUMANS),
    "bounce_rate": Metric("fct_sessions", "count_if(mart.is_bounce) / count(*)", HUMANS),
    "engagement_rate": Metric("fct_sessions", "count_if(mart.is_engaged) / count(*)", HUMANS),
    "events_per_session": Metric("fct_sessions", "sum(mart.event_count) / count(*)", HUMANS),
    "page_views_per_session": Metric(
        "fct_sessions", "sum(mart.page_view_count) / count(*)", HUMANS
    ),
    "sessions_per_visitor": Metric(
        "fct_sessions", "count(*) / count(distinct mart.person_id)", HUMANS
    ),
    "page_views": Metric("fct_page_days", "sum(mart.view_count)"),
    "page_entrances": Metric("fct_page_days", "sum(mart.entrance_count)"),
    "page_exits": Metric("fct_page_days", "sum(mart.exit_count)"),
    "page_bounces": Metric("fct_page_days", "sum(mart.bounce_count)"),
    "page_bounce_rate": Metric(
        "fct_page_days", "sum(mart.bounce_count) / nullif(sum(mart.entrance_count), 0)"
    ),
    "page_exit_rate": Metric("fct_page_days", "sum(mart.exit_count) / sum(mart.view_count)"),
    "events": Metric("fct_events", "count(*)", ACTIVITY),
    "event_persons": Metric("fct_events", "count(distinct mart.person_id)", ACTIVITY),
    "events_per_person": Metric(
        "fct_events", "count(*) / nullif(count(distinct mart.person_id), 0)", ACTIVITY
    ),
    "active_accounts": Metric("fct_account_days", "count(distinct mart.account_id)"),
    "active_account_persons": Metric("fct_account_days", "count(distinct mart.person_id)"),
    "account_events": Metric("fct_account_days", "sum(mart.events)"),
    "orders": Metric("fct_orders", "count(*)"),
    "buyers": Metric("fct_orders", "count(distinct mart.person_id)"),
    "order_amount": Metric("fct_orders", "sum(mart.amount)"),
    "order_refunded_amount": Metric("fct_orders", "sum(mart.refunded_amount)"),
    "order_net_amount": Metric("fct_orders", "sum(mart.net_amount)"),
    "exposed_persons": Metric("fct_experiment_exposures", "count(distinct mart.person_id)"),
    "experiment_exposures": Metric("fct_experiment_exposures", "sum(mart.exposure_count)"),
    "several_variants_persons": Metric(
        "fct_experiment_exposures", "count_if(mart.variant_count > 1)"
    ),
    "experiment_mature_persons": Metric("fct_experiment_values", "count(*)", "mart.is_mature"),
    "experiment_total_value": Metric(
        "fct_experiment_values", "sum(mart.metric_value)", "mart.is_mature"
    ),
    "experiment_mean_value": Metric(
        "fct_experiment_values",
        "cast(sum(mart.metric_value) as double) / count(*)",
        "mart.is_mature",
    ),
    "funnel_attempts": Metric("fct_funnel_attempts", "count(*)"),
    "mature_funnel_attempts": Metric("fct_funnel_attempts", "count(*)", "mart.is_mature"),
    "converted_funnel_attempts": Metric(
        "fct_funnel_attempts", "count_if(mart.state = 'converted')", "mart.is_mature"
    ),
    "funnel_conversion_rate": Metric(
        "fct_funnel_attempts", "count_if(mart.state = 'converted') / count(*)", "mart.is_mature"
    ),
    "funnel_step_persons": Metric("fct_funnel_steps", "sum(mart.mature_persons)"),
    "funnel_step_entries": Metric("fct_funnel_steps", "sum(mart.mature_entries)"),
    "funnel_step_rate": Metric(
        "fct_funnel_steps", "sum(mart.mature_persons) / nullif(sum(mart.mature_entries), 0)"
    ),
}


class Client:
    """A connection of DuckDB, as MetricFlow asks it."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def query(
        self, stmt: str, sql_bind_parameter_set: SqlBindParameterSet | None = None
    ) -> MetricFlowDataTable:
        cursor = self._connection.execute(stmt)
        columns = [name for name, *_ in cursor.description]
        return MetricFlowDataTable.create_from_rows(columns, cursor.fetchall())


def engine(manifest: Mapping[str, Any], connection: duckdb.DuckDBPyConnection) -> MetricFlowEngine:
    """MetricFlow over the database of a connection."""
    parsed = parse_manifest_from_dbt_generated_manifest(json.dumps(manifest))
    return MetricFlowEngine(SemanticManifestLookup(parsed), Client(connection))  # type: ignore[arg-type]


def asked(
    metricflow: MetricFlowEngine, metrics: Sequence[str], by: str | None = None
) -> dict[Any, tuple[Any, ...]]:
    """What MetricFlow answers: value of the dimension → value of each metric."""
    request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=[by] if by else [])
    table = metricflow.query(request).result_df
    assert table is not None
    rows = [tuple(row) for row in table.rows]
    answer = {row[0] if by else None: row[1:] if by else row for row in rows}
    assert len(answer) == len(rows)
    return answer


def expected(
    connection: duckdb.DuckDBPyConnection, metrics: Sequence[str], by: str | None = None
) -> dict[Any, tuple[Any, ...]]:
    """The same from the marts alone."""
    answers = [_expected(connection, METRICS[metric], by) for metric in metrics]
    return {
        value: tuple(answer.get(value) for answer in answers) for value in set().union(*answers)
    }


def _expected(
    connection: duckdb.DuckDBPyConnection, metric: Metric, by: str | None
) -> dict[Any, Any]:
    mart = MARTS[metric.mart]
    joins = "".join(f" left join {JOINS[each]}" for each in mart.joined)
    rows = connection.execute(
        f"select {value_of(mart, by) if by else 'null'} as asked_by, {metric.value} "
        f"from marts.{metric.mart} as mart{joins} where {metric.where} group by asked_by"
    )
    return dict(rows.fetchall())


def value_of(mart: Mart, by: str) -> str:
    """A dimension as SQL: `entity__column`, and `__grain` behind a day or `metric_time`."""
    *path, column = by.split("__")
    grain = ""
    if column in GRAINS:
        grain = column
        *path, column = path
    if column in ("metric_time", "event_date"):
        value = mart.day
    else:
        table = "mart" if path == [mart.entity] else "__".join(path)
        value = f"{table}.{column}"
    return f"date_trunc('{grain}', {value})" if grain else value


def dimensions(metricflow: MetricFlowEngine, metric: str) -> list[str]:
    """Whatever the metric can be asked by, days by each grain."""
    grains = GRAINS[GRAINS.index(MARTS[METRICS[metric].mart].first_grain) :]
    found: list[str] = []
    for each in metricflow.simple_dimensions_for_metrics([metric]):
        name = each.granularity_free_dunder_name
        is_time = each.type is DimensionType.TIME
        found += [f"{name}__{grain}" for grain in grains] if is_time else [name]
    return sorted(found)
