"""Charts of the main figures of a publish. Dagster's UI shows them with its run."""

from __future__ import annotations

import duckdb

from ingestion.settings import Settings
from publishing.charts import MAX_BARS, bar_chart


def highlights(settings: Settings) -> dict[str, str]:
    """Name → a chart of the published file as Markdown. Charts without data are left out."""
    with duckdb.connect(str(settings.published), read_only=True) as connection:
        charts = {"daily_actives": _daily_actives(connection)}
        for (funnel,) in connection.execute(
            "select distinct funnel_name from marts.fct_funnel_steps order by funnel_name"
        ).fetchall():
            charts[f"funnel_{funnel}"] = _funnel(connection, funnel)
    return {name: chart for name, chart in charts.items() if chart}


def _daily_actives(connection: duckdb.DuckDBPyConnection) -> str:
    days = connection.execute(
        f"""
        select activity_date, daily_actives, is_complete from marts.fct_daily_actives
        order by activity_date desc limit {MAX_BARS}
        """
    ).fetchall()[::-1]
    return bar_chart(
        "Daily actives",
        [(str(day), actives) for day, actives, _ in days],
        unfinished=sum(not is_complete for *_, is_complete in days),
    )


def _funnel(connection: duckdb.DuckDBPyConnection, funnel: str) -> str:
    steps = connection.execute(
        """
        select step_name, sum(mature_persons) from marts.fct_funnel_steps
        where funnel_name = ? group by step_number, step_name order by step_number
        """,
        [funnel],
    ).fetchall()
    if not steps[0][1]:
        return ""
    shares = [f"{name} {persons / steps[0][1]:.0%}" for name, persons in steps]
    return bar_chart(
        f"{funnel}, closed attempts: {', '.join(shares)}",
        [(name, float(persons)) for name, persons in steps],
    )
