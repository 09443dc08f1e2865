"""Days of trials as arrays: what was known of each person at each age, and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

#: Measures per day of trial.
OF_PERSON: Final = (
    *("event_count", "active_days", "days_since_last_event", "session_count", "device_count"),
)
#: Measures per day of trial and feature.
OF_FEATURE: Final = ("is_used", "use_count", "days_used", "days_since_last", "peer_share")

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True)
class TrialDays:
    """n rows of marts.fct_trial_days of one question, ordered by as_of, actor and age.

    ``measures`` has an array of n numbers for each of OF_PERSON, and ``<feature>.<measure>`` for
    each of OF_FEATURE. A missing number is NaN, such as the last use of a feature that was never
    used. ``is_converted`` is valid only where ``is_mature``.
    """

    actor_ids: Texts
    trial_days: NDArray[np.int64]
    as_of: Moments
    horizon_at: Moments
    is_mature: Flags
    is_open: Flags
    is_converted: Flags
    entry_sources: Texts
    measures: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.trial_days)

    def __getitem__(self, rows: Flags | NDArray[np.int64]) -> TrialDays:
        """Select rows by a mask or by their indexes."""
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        measures = {name: values[rows] for name, values in parts.pop("measures").items()}
        return TrialDays(**{name: part[rows] for name, part in parts.items()}, measures=measures)

    @property
    def converted_persons(self) -> int:
        """How many persons have a row that converted."""
        return len(set(self.actor_ids[self.is_converted]))

    @property
    def persons(self) -> int:
        """How many persons there are."""
        return len(set(self.actor_ids))


def read_trial_days(
    connection: duckdb.DuckDBPyConnection, question: str, features: Sequence[str]
) -> TrialDays:
    """Read all days of trials of a question from the marts of the current database."""
    # A feature's name is letters, digits and _ (questions.Name), so it is safe in quotes.
    pivoted = ", ".join(
        f"max(cast({measure} as double)) filter (where feature_name = '{feature}') "
        f'as "{feature}.{measure}"'
        for feature in features
        for measure in OF_FEATURE
    )
    of_person = ", ".join(f"cast({each} as double) as {each}" for each in OF_PERSON)
    found = connection.execute(
        f"""
        with features as (
            select actor_id, trial_day, {pivoted}
            from marts.fct_trial_day_features where question_name = $1
            group by actor_id, trial_day
        )

        select
            days.actor_id, days.trial_day, days.as_of,
            days.as_of + to_days(days.horizon_days) as horizon_at,
            days.is_mature, days.outcome = 'open' as is_open, days.outcome = 'converted' as won,
            days.entry_source, {of_person},
            features.* exclude (actor_id, trial_day)
        from marts.fct_trial_days as days
        left join features using (actor_id, trial_day)
        where days.question_name = $1
        order by days.as_of, days.actor_id, days.trial_day
        """,
        [question],
    ).fetchnumpy()

    def column(name: str, kind: Any) -> Any:
        return np.asarray(found[name], dtype=kind)

    def numbers(name: str) -> Floats:
        return np.ma.filled(np.ma.asarray(found[name], dtype=np.float64), np.nan)

    return TrialDays(
        actor_ids=column("actor_id", object),
        trial_days=column("trial_day", np.int64),
        as_of=column("as_of", "datetime64[us]"),
        horizon_at=column("horizon_at", "datetime64[us]"),
        is_mature=column("is_mature", bool),
        is_open=column("is_open", bool),
        is_converted=column("won", bool),
        entry_sources=column("entry_source", object),
        measures={
            name: numbers(name)
            for name in (
                *OF_PERSON,
                *(f"{feature}.{measure}" for feature in features for measure in OF_FEATURE),
            )
        },
    )
