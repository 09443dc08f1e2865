"""The marts of predictions: fct_conversion_scores and fct_conversion_calibration.

Both are rebuilt completely from the stored scores and the trials as known now.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import duckdb

from conversion.evaluation import CONFIDENCE
from conversion.questions import Question
from conversion.scoring import prepare_scores
from conversion.similar_persons import MIN_PERSONS
from warehouse.meta import CONVERSION_SCORES
from warehouse.sql import WILSON, create_described

SCORES: Final = "fct_conversion_scores"
CALIBRATION: Final = "fct_conversion_calibration"
#: Marts that no dbt model builds, so a rebuild from raw does not change them.
MARTS: Final = (SCORES, CALIBRATION)

#: Table → what it is about; column → its type and what it means.
COMMENTS: Final = {
    SCORES: "One row per conversion question, actor and age of the trial at which the actor was "
    "at risk: how likely, as predicted then, they convert within the horizon. Written once.",
    CALIBRATION: "One row per conversion question, month of the scores and tenth of their "
    "probabilities: the predicted and the observed rate.",
}
COLUMNS: Final = {
    SCORES: {
        "question_name": ("varchar", "The conversion question."),
        "actor_id": (
            "varchar",
            "The user or device whom the trial's start named, or the account of the trial.",
        ),
        "person_id": ("varchar", "The person, as known by now, who started the trial."),
        "trial_day": (
            "integer",
            "The age of the trial, in days of 24 hours or the question's unit.",
        ),
        "as_of": ("timestamp", "The moment at which the trial had this age; UTC."),
        "as_of_date": ("date", "Its day in the reporting time zone."),
        "horizon_days": ("integer", "Days from as_of within which the conversion counts."),
        "probability": ("double", "The model's, from 0 to 1; none where verdict says why."),
        "decile": ("integer", "The tenth, from 1, of the model's training in which it lies."),
        "top_reasons": (
            "varchar",
            "What moves the probability most, with the log-odds that it adds or takes; a "
            "description of the model, not of causes.",
        ),
        "model_version": ("varchar", "The model that spoke: a folder of home/models."),
        "verdict": ("varchar", "ok, or why there is no probability."),
        "like_state": ("varchar", "How those stood who are counted as alike."),
        "like_n": ("bigint", "Persons of the past who stood alike and whose horizon is over."),
        "like_rate": ("double", "How many of them converted within the horizon, from 0 to 1."),
        "like_low": ("double", "Where Wilson's 95 % interval of like_rate begins."),
        "like_high": ("double", "Where it ends."),
        "base_n": ("bigint", "Persons of the past of the same age whose horizon is over."),
        "base_rate": ("double", "How many of them converted within the horizon, from 0 to 1."),
        "scored_at": ("timestamp", "When it was said; UTC."),
        "outcome": (
            "varchar",
            "converted, not_converted or open, as known by now; withdrawn where it turned out "
            "that the actor was not at risk then.",
        ),
    },
    CALIBRATION: {
        "question_name": ("varchar", "The conversion question."),
        "as_of_month": ("date", "First day of the month of as_of_date."),
        "decile": ("integer", "The tenth of the training in which the probabilities lie."),
        "mature_count": ("bigint", "Scores whose horizon is over."),
        "mature_persons": ("bigint", "Actors with such a score."),
        "predicted_rate": ("double", "Mean probability of these scores."),
        "observed_rate": ("double", "How many of them converted within the horizon."),
        "observed_low": (
            "double",
            "Where Wilson's 95 % interval of observed_rate begins, for as many draws as there "
            "are actors.",
        ),
        "observed_high": ("double", "Where it ends."),
        "open_count": ("bigint", "Scores whose horizon is not over: in none of the rates."),
        "withdrawn_count": ("bigint", "Scores of actors who were not at risk, as it turned out."),
    },
}

_Z: Final = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def tell(
    connection: duckdb.DuckDBPyConnection, questions: Sequence[Question], time_zone: str
) -> dict[str, int]:
    """Rebuild both marts; returns the number of rows of each.

    If a question has changed, its older scores stay stored but are left out of the marts.
    """
    prepare_scores(connection)
    connection.execute(f"create or replace temp {WILSON}")
    for mart, columns in COLUMNS.items():
        create_described(connection, f"marts.{mart}", columns, COMMENTS[mart])
    connection.execute(
        f"""
        insert into marts.{SCORES} by name
        with scores as (
            select
                *,
                like_converted / nullif(like_n, 0) as rate,
                base_converted / nullif(base_n, 0) as rate_of_all
            from {CONVERSION_SCORES}
            where list_contains($definitions, question_name || ' ' || definition)
        ),

        intervals as (
            select *, wilson_interval(rate, like_n, $z) as interval_of_rate from scores
        )

        select
            intervals.* exclude (
                definition, start_event_id, like_converted, base_converted, rate, interval_of_rate,
                rate_of_all
            ),
            trials.person_id,
            cast((intervals.as_of at time zone 'UTC') at time zone $time_zone as date)
                as as_of_date,
            case when intervals.like_n >= $least then intervals.rate end as like_rate,
            case when intervals.like_n >= $least then interval_of_rate.low end as like_low,
            case when intervals.like_n >= $least then interval_of_rate.high end as like_high,
            case when intervals.base_n >= $least then intervals.rate_of_all end as base_rate,
            coalesce(days.outcome, 'withdrawn') as outcome
        from intervals
        left join marts.fct_trials as trials using (question_name, actor_id)
        left join marts.fct_trial_days as days using (question_name, actor_id, trial_day)
        order by question_name, as_of, actor_id, trial_day
        """,
        {
            "definitions": [f"{each.name} {each.fingerprint}" for each in questions],
            "z": _Z,
            "time_zone": time_zone,
            "least": MIN_PERSONS,
        },
    )
    connection.execute(
        f"""
        insert into marts.{CALIBRATION} by name
        with scores as (
            select
                scores.*,
                scores.outcome <> 'withdrawn' and days.is_mature as is_counted
            from marts.{SCORES} as scores
            left join marts.fct_trial_days as days using (question_name, actor_id, trial_day)
            where scores.probability is not null
        ),

        tenths as (
            select
                question_name,
                cast(date_trunc('month', as_of_date) as date) as as_of_month,
                decile,
                count(*) filter (where is_counted) as mature_count,
                count(distinct actor_id) filter (where is_counted) as mature_persons,
                avg(probability) filter (where is_counted) as predicted_rate,
                avg(cast(outcome = 'converted' as integer)) filter (where is_counted)
                    as observed_rate,
                count(*) filter (where outcome <> 'withdrawn' and not is_counted) as open_count,
                count(*) filter (where outcome = 'withdrawn') as withdrawn_count
            from scores
            group by all
        )

        select
            *,
            wilson_interval(observed_rate, mature_persons, $z).low as observed_low,
            wilson_interval(observed_rate, mature_persons, $z).high as observed_high
        from tenths
        order by all
        """,
        {"z": _Z},
    )
    return {
        mart: connection.execute(f"select count(*) from marts.{mart}").fetchall()[0][0]
        for mart in MARTS
    }
