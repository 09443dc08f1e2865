"""Experiments: does a variant change what people do, and may one say so yet?"""

from __future__ import annotations

from urllib.parse import urlencode

from explorer import charts
from explorer.pages.page import Context, Page
from explorer.panels import Column, Kind, Panel
from explorer.parameters import Parameter, Values
from footfall.ask import literal, statement

INTERVALS = (
    "The difference is to the control, of persons whose window is closed; the open ones have not "
    "failed. The first interval may be looked at every day: stop when it leaves out 0. The final "
    "one is the usual 95 % interval of the day on which the planned size was reached, and is given "
    "from then on."
)


#: Columns that the report has too: who saw what, what follows from it, and of which metric.
SHARES = (
    Column("variant", "Variant"),
    Column("is_control", "Control", "yes"),
    Column("persons", "Persons", "number"),
    Column("share", "Share", "share"),
)
VERDICT = (
    Column("ratio_p_value", "Chance of these shares", "share"),
    Column("verdict", "What holds"),
)
METRIC = (
    Column("metric_name", "Metric"),
    Column("is_guardrail", "Guardrail", "yes"),
    Column("variant", "Variant"),
    Column("mature_persons", "Persons", "number"),
)


def difference_columns(kind: Kind) -> list[Column]:
    """The values of a variant and its differences to the control, of rates or of amounts."""
    return [
        Column("mean_value", "Rate" if kind == "share" else "Mean", kind),
        Column("difference", "Difference", kind),
        Column("always_low", "at least", kind),
        Column("always_high", "at most", kind),
        Column("final_difference", "Final difference", kind),
        Column("final_low", "at least", kind),
        Column("final_high", "at most", kind),
    ]


def panels(values: Values, context: Context) -> list[Panel]:
    """All experiments, or one with its persons, its metrics and how they came about."""
    name = values.optional("experiment")
    if name is None:
        return [_list()]
    return [
        _persons(name),
        _metrics(name, "conversions", "Conversions", "metric_kind = 'conversion'", "share"),
        _metrics(name, "means", "Counts and revenue", "metric_kind <> 'conversion'", "decimal"),
        _days(name, values.optional("metric"), context),
    ]


def _list() -> Panel:
    return Panel(
        key="experiments",
        title="Experiments",
        statement="""
            select experiment_name, metric_name, is_guardrail, result_date, planned_persons,
                days_until_planned, verdict, sum(persons) as persons
            from marts.fct_experiment_results
            where is_latest
            group by experiment_name, metric_name, is_guardrail, result_date, planned_persons,
                days_until_planned, verdict
            qualify row_number() over (
                partition by experiment_name order by is_guardrail, metric_name
            ) = 1
            order by result_date desc, experiment_name
            """,
        columns=[
            Column(
                "experiment_name",
                "Experiment",
                link=lambda row: (
                    f"/experiments?{urlencode({'experiment': row['experiment_name']})}"
                ),
            ),
            Column("result_date", "Known until", "moment"),
            Column("persons", "Persons", "number"),
            Column("planned_persons", "Planned", "number"),
            Column("days_until_planned", "Days to go", "number"),
            Column("verdict", "What holds"),
        ],
        definition="Each experiment of experiments.yml, by its first metric.",
        empty="experiments.yml has no experiment.",
    )


def _persons(name: str) -> Panel:
    return Panel(
        key="persons",
        title=f"Who saw what in {name}",
        statement=f"""
            select variant, is_control, persons,
                persons / nullif(sum(persons) over (partition by metric_name), 0) as share,
                several_variants_persons, unplanned_persons, ratio_p_value, verdict
            {statement("experiment", name=name)}
            qualify row_number() over (partition by variant order by is_guardrail, metric_name) = 1
            order by is_control desc, variant
            """,
        columns=[
            *SHARES,
            Column("several_variants_persons", "Saw another later", "number"),
            Column("unplanned_persons", "Saw only unplanned ones", "number"),
            *VERDICT,
        ],
        definition="A person is in the variant that they saw first. Who saw several is in no "
        "result. If the chance of the shares is below 0.1 %, persons were not assigned as planned.",
        empty="Nobody was exposed.",
    )


def _metrics(name: str, key: str, title: str, where: str, kind: Kind) -> Panel:
    return Panel(
        key=key,
        title=title,
        statement=f"""
            select *
            {statement("experiment", name=name)}
            where {where}
            order by is_guardrail, metric_name, is_control desc, variant
            """,
        columns=[
            *METRIC,
            Column("open_persons", "Open", "number"),
            *difference_columns(kind),
            *(
                []
                if kind == "share"
                else [
                    Column("currency", "Currency"),
                    Column("adjusted_difference", "With CUPED", kind),
                    Column("adjusted_low", "at least", kind),
                    Column("adjusted_high", "at most", kind),
                ]
            ),
        ],
        definition=INTERVALS,
        empty="No metric of this kind.",
    )


def _days(name: str, metric: str | None, context: Context) -> Panel:
    chosen = (
        f"and metric_name = {literal(metric)}"
        if metric
        else "qualify metric_name = first_value(metric_name) over "
        "(order by is_guardrail, metric_name)"
    )
    return Panel(
        key="days",
        title=f"How {metric or 'the first metric'} came about",
        statement=f"""
            select *
            {statement("experiment", name=name, period="day")}
            where always_low is not null {chosen}
            order by result_date, variant
            """,
        columns=[
            Column("result_date", "Day", "moment"),
            Column("variant", "Variant"),
            Column("mature_persons", "Persons", "number"),
            Column("difference", "Difference", "decimal"),
            Column("always_low", "at least", "decimal"),
            Column("always_high", "at most", "decimal"),
        ],
        definition="The difference to the control as it was known on each day, with the interval "
        "that may be looked at every day. Where it leaves out 0, the variant differs.",
        layout="chart",
        draw=lambda rows: charts.intervals(
            rows,
            time="result_date",
            value="difference",
            low="always_low",
            high="always_high",
            series="variant",
            notes=context.notes,
        ),
        empty="No variant has 30 persons whose window is closed.",
    )


PAGE = Page(
    "experiments",
    "Experiments",
    "Does a variant change what people do?",
    (
        Parameter("experiment", "Experiment", hint="a name of experiments.yml"),
        Parameter("metric", "Metric of the chart", hint="the first one"),
    ),
    panels,
)
