"""For everybody at risk, the conversion rate of similar persons in the past.

Persons are similar if they had the same age of trial and used the features alike: not at all, some,
or as a top user. With many features nobody is similar. A question lists the most important features
first, so the last ones are left out until there are enough similar persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb

#: No rate is given for fewer persons, as in questions/conversion_odds.sql.
MIN_PERSONS: Final = 30
#: A top user is in the top decile, as there.
TOP_SHARE: Final = 0.9
#: At most this many features are compared. Each has three states, so an age has up to 729.
MAX_FEATURES: Final = 6


def count_alike(
    connection: duckdb.DuckDBPyConnection, question: str, features: Sequence[str]
) -> None:
    """Create the temporary table likenesses, with a row per person and age whose horizon is open.

    Its columns: actor_id, trial_day, like_state, like_n, like_converted, base_n, base_converted.
    ``like_`` counts similar persons of the past, ``base_`` all of the same age. If fewer than
    MIN_PERSONS had the same age, like_n counts all of these.
    """
    told = ["not used", "used", "top user"]
    connection.execute(
        """
        create or replace temp table likenesses as
        with uses as (
            select
                actor_id,
                trial_day,
                list(
                    case when not is_used then 1 when peer_share >= $top_share then 3 else 2 end
                    order by list_position($features, feature_name)
                ) as states
            from marts.fct_trial_day_features
            where question_name = $question and list_contains($features, feature_name)
            group by actor_id, trial_day
        ),

        days as (
            select
                days.actor_id, days.trial_day, days.age_unit, days.is_mature, days.outcome,
                uses.states
            from marts.fct_trial_days as days
            inner join uses using (actor_id, trial_day)
            where days.question_name = $question
        ),

        depths as (
            select unnest(range(0, len($features) + 1)) as depth
        ),

        past as (
            select
                days.trial_day,
                depths.depth,
                days.states[1:depths.depth] as states,
                count(*) as n,
                count(*) filter (where days.outcome = 'converted') as converted
            from days
            cross join depths
            where days.is_mature
            group by all
        ),

        -- The most features for which enough persons were alike; at least the age is the same.
        alike as (
            select
                days.actor_id,
                days.trial_day,
                days.age_unit,
                days.states,
                max_by(past, past.depth) as found
            from days
            left join past
                on
                    days.trial_day = past.trial_day
                    and days.states[1:past.depth] = past.states
                    and (past.n >= $min_persons or past.depth = 0)
            where days.outcome = 'open'
            group by all
        )

        select
            alike.actor_id,
            alike.trial_day,
            concat_ws(
                '; ',
                rtrim(alike.age_unit, 's') || ' ' || alike.trial_day,
                nullif(array_to_string(
                    list_transform(
                        range(1, coalesce(alike.found.depth, 0) + 1),
                        lambda place: $features[place] || ' ' || $told[alike.states[place]]
                    ),
                    '; '
                ), '')
            ) as like_state,
            coalesce(alike.found.n, 0) as like_n,
            coalesce(alike.found.converted, 0) as like_converted,
            coalesce(same_age.n, 0) as base_n,
            coalesce(same_age.converted, 0) as base_converted
        from alike
        left join past as same_age
            on alike.trial_day = same_age.trial_day and same_age.depth = 0
        """,
        {
            "question": question,
            "features": list(features)[:MAX_FEATURES],
            "top_share": TOP_SHARE,
            "min_persons": MIN_PERSONS,
            "told": told,
        },
    )
