"""Marts of trials that a test draws from a law of its own, without an event behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from conversion.questions import Question

EDGE = datetime(2026, 3, 1)
QUESTION = Question.model_validate(
    {
        "name": "plan",
        "description": "Who buys?",
        "start": "trial_started",
        "conversion": "plan_purchased",
        "trial_days": 6,
        "ages": {"from": 1, "to": 5},
        "horizon_days": 2,
        "features": [{"name": name, "event": f"{name}_used"} for name in "abc"],
    }
)
DAY = timedelta(days=1)
#: What tells the chance of a person to convert within a day, by what they used.
Law = Callable[[Mapping[str, bool], datetime], float]


def by_use_of_a(used: Mapping[str, bool], at: datetime) -> float:
    """Within two days half of those who use a convert, and a twentieth of the others."""
    return 0.293 if used["a"] else 0.0253


@dataclass
class Marts:
    """A warehouse with nothing but the marts that a model learns from."""

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def empty(cls) -> Marts:
        """The tables, as dbt makes them."""
        connection = duckdb.connect()
        connection.execute(
            """
            create schema marts;
            create table marts.fct_trials (question_name varchar, actor_id varchar,
                person_id varchar, start_event_id varchar, converted_at timestamp);
            create table marts.fct_trial_days (question_name varchar, actor_id varchar,
                trial_day integer, as_of timestamp, horizon_days integer, outcome varchar,
                is_mature boolean, event_count bigint, active_days bigint,
                days_since_last_event double, session_count bigint, device_count bigint,
                entry_source varchar, age_unit varchar);
            create table marts.fct_trial_day_features (question_name varchar, actor_id varchar,
                trial_day integer, feature_name varchar, is_used boolean, use_count bigint,
                days_used bigint, days_since_last double, peer_share double);
            """
        )
        return cls(connection)

    def people(
        self,
        count: int,
        law: Law = by_use_of_a,
        *,
        seed: int = 1,
        days: int = 120,
        until: datetime = EDGE,
        uses: Mapping[str, float] | None = None,
    ) -> Marts:
        """People whose trials start at an even pace within so many days before ``until``.

        ``uses`` tells how many of them use each feature, from the first day on.
        """
        rng = Random(seed)
        trials: list[Sequence[Any]] = []
        trial_days: list[Sequence[Any]] = []
        features: list[Sequence[Any]] = []
        for number in range(count):
            actor = f"s{seed}u{number}"
            started_at = until - days * DAY * (1 - number / count)
            used = {
                name: rng.random() < share
                for name, share in {"a": 0.3, "b": 0.4, "c": 0.2, **(uses or {})}.items()
            }
            # Nobody is looked at after the last age, but there too they convert.
            converted_at = None
            for age in range(QUESTION.ages.first, QUESTION.ages.last + QUESTION.horizon_days):
                moment = started_at + age * DAY
                if converted_at is None and rng.random() < law(used, moment):
                    converted_at = moment + DAY / 2
            for age in range(QUESTION.ages.first, QUESTION.ages.last + 1):
                as_of = started_at + age * DAY
                if as_of >= EDGE or (converted_at and converted_at <= as_of):
                    break
                horizon_at = as_of + QUESTION.horizon_days * DAY
                is_mature = horizon_at < EDGE
                is_known = converted_at is not None and converted_at < min(EDGE, horizon_at)
                outcome = "converted" if is_known else "not_converted" if is_mature else "open"
                trial_days.append(
                    (
                        *("plan", actor, age, as_of, QUESTION.horizon_days, outcome, is_mature),
                        *(rng.randint(1, 9), age, rng.random(), 1, 1),
                        rng.choice(("ads", "direct")),
                        "days",
                    )
                )
                features += [
                    (
                        *("plan", actor, age, name, is_used, int(is_used), int(is_used)),
                        0.5 if is_used else None,
                        0.95 if is_used else 0.0,
                    )
                    for name, is_used in used.items()
                ]
            trials.append(("plan", actor, f"person of {actor}", f"start of {actor}", converted_at))
        self.insert("fct_trials", trials)
        self.insert("fct_trial_days", trial_days)
        self.insert("fct_trial_day_features", features)
        return self

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Rows in the order of the table's columns."""
        columns = [
            name for name, *_ in self.connection.execute(f"describe marts.{table}").fetchall()
        ]
        batch = pa.table(
            {
                name: list(cells)
                for name, cells in zip(columns, zip(*rows, strict=True), strict=True)
            }
        )
        self.connection.register("batch", batch)
        self.connection.execute(f"insert into marts.{table} from batch")
        self.connection.unregister("batch")
