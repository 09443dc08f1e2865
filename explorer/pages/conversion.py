"""Conversion: who is about to convert, and how far the prediction can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explorer import charts
from explorer.pages.accounts import account_link
from explorer.pages.page import Context, Page
from explorer.pages.people import person_link
from explorer.panels import Column, Panel
from explorer.parameters import Parameter, Values
from footfall.ask import literal


def panels(values: Values, context: Context) -> list[Panel]:
    """The open trials with both answers, and predicted beside observed rates."""
    question = values.optional("question")
    where = f"question_name = {literal(question)}" if question else "true"
    return [
        Panel(
            key="scores",
            title="Who is about to convert",
            statement=f"""
                select
                    scores.*,
                    trials.actor,
                    case
                        when trials.actor = 'account' then actor_id else scores.person_id
                    end as who
                from marts.fct_conversion_scores as scores
                left join marts.fct_trials as trials using (question_name, actor_id)
                where {where} and outcome = 'open'
                qualify as_of = max(as_of) over (partition by question_name, actor_id)
                order by
                    question_name, probability desc nulls last, like_rate desc nulls last, who
                limit 500
                """,
            columns=[
                Column("question_name", "Question"),
                Column("who", "Person or account", link=_link),
                Column("trial_day", "Day of trial", "number"),
                Column("probability", "Probability", "share"),
                Column("top_reasons", "Because"),
                Column("like_rate", "Others at this point", "share"),
                Column("like_low", "at least", "share"),
                Column("like_high", "at most", "share"),
                Column("like_n", "of how many", "number"),
                Column("verdict", "Verdict"),
            ],
            definition="The last prediction of each trial that may still convert, and two answers: "
            "what a model learnt from all trials, and how many of the people who once stood at the "
            "same point converted, with a 95% interval. Neither is given where too few are known.",
            empty="Nobody is in an open trial, or no conversion question is defined.",
        ),
        Panel(
            key="calibration",
            title="Did what was predicted come true?",
            statement=f"""
                select *,
                    wilson_interval(observed_rate, trials, 1.96).low as observed_low,
                    wilson_interval(observed_rate, trials, 1.96).high as observed_high
                from (
                    select question_name, decile, sum(mature_count) as trials,
                        sum(predicted_rate * mature_count) / sum(mature_count) as predicted_rate,
                        sum(observed_rate * mature_count) / sum(mature_count) as observed_rate
                    from marts.fct_conversion_calibration
                    where {where} and mature_count > 0
                    group by question_name, decile
                )
                order by question_name, decile
                """,
            columns=[
                Column("question_name", "Question"),
                Column("decile", "Tenth", "number"),
                Column("trials", "Predictions", "number"),
                Column("predicted_rate", "Predicted", "share"),
                Column("observed_rate", "Observed", "share"),
                Column("observed_low", "at least", "share"),
                Column("observed_high", "at most", "share"),
            ],
            definition="Predictions whose time is over, in tenths. On the dashed line both are "
            "equal; the bars are 95% intervals.",
            layout="chart",
            draw=charts.calibration,
            empty="No prediction's time is over yet.",
        ),
    ]


def _link(row: Mapping[str, Any]) -> str:
    """The page of the account or person whose trial it is."""
    return account_link(row["who"]) if row["actor"] == "account" else person_link(row["who"])


PAGE = Page(
    "conversion",
    "Conversion",
    "Who is about to convert?",
    (Parameter("question", "Question", hint="a name of conversion_questions.yml"),),
    panels,
)
