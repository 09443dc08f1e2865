"""The prediction for everybody at risk, made once and stored: meta.conversion_scores.

A score is a fact of its own, because it is later compared with what happened. So it is never
written again, and no rebuild of the models makes it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from conversion.guardrails import drift_claim
from conversion.model_store import Kept
from conversion.questions import Question
from conversion.similar_persons import count_alike
from conversion.trial_days import TrialDays
from warehouse.meta import CONVERSION_SCORES
from warehouse.sql import has_table

COLUMNS: Final = {
    "question_name": "varchar",
    "definition": "varchar",
    "actor_id": "varchar",
    "start_event_id": "varchar",
    "trial_day": "integer",
    "as_of": "timestamp",
    "horizon_days": "integer",
    "probability": "double",
    "decile": "integer",
    "top_reasons": "varchar",
    "model_version": "varchar",
    "verdict": "varchar",
    "like_state": "varchar",
    "like_n": "bigint",
    "like_converted": "bigint",
    "base_n": "bigint",
    "base_converted": "bigint",
    "scored_at": "timestamp",
}
#: How many groups of columns are named as reasons of a score. Nobody reads a longer list.
MAX_REASONS: Final = 3
#: A reason of fewer log-odds changes a probability by less than a fortieth.
MIN_REASON: Final = 0.025


def prepare_scores(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the table of scores if it is missing."""
    fields = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    connection.execute("create schema if not exists meta")
    connection.execute(f"create table if not exists {CONVERSION_SCORES} ({fields})")


def score(
    connection: duckdb.DuckDBPyConnection,
    question: Question,
    days: TrialDays,
    kept: Kept | None,
    silence: str,
    scored_at: datetime,
) -> int:
    """Score every day of trial whose horizon is open and that has no score; returns how many.

    Two answers are stored side by side: the model's, and the counts of similar persons. Without a
    model, ``silence`` says why there is none. ``scored_at`` is naive UTC.
    """
    at_risk = days[days.is_open]
    count_alike(connection, question.name, [feature.name for feature in question.features])
    connection.register("predicted", _predicted(at_risk, kept, silence))
    # An insert returns how many rows it wrote.
    written = connection.execute(
        f"""
        insert into {CONVERSION_SCORES} by name
        select
            $question as question_name, $definition as definition, actor_id,
            trials.start_event_id, trial_day, days.as_of, days.horizon_days,
            predicted.* exclude (actor_id, trial_day), $version as model_version,
            likenesses.* exclude (actor_id, trial_day), $scored_at as scored_at
        from predicted
        inner join likenesses using (actor_id, trial_day)
        inner join marts.fct_trial_days as days
            using (actor_id, trial_day)
        inner join marts.fct_trials as trials
            using (question_name, actor_id)
        where days.question_name = $question and not exists (
            select 1 from {CONVERSION_SCORES} as said
            where
                said.definition = $definition
                and said.question_name = $question
                and said.actor_id = days.actor_id
                and said.trial_day = days.trial_day
        )
        """,
        {
            "question": question.name,
            "definition": question.fingerprint,
            "version": kept.version if kept else None,
            "scored_at": scored_at,
        },
    ).fetchone()
    connection.unregister("predicted")
    return int(written[0]) if written else 0


#: The scores of trials whose start event is erased. The predictions about a person go with them.
_ERASED: Final = f"""
    from {CONVERSION_SCORES} where start_event_id in (
        select event_id from raw.events where rowid in (select row_id from erased_events)
    )
"""


def count_scores(connection: duckdb.DuckDBPyConnection) -> int:
    """How many scores an erasure deletes. Needs the temporary tables of ``find_in_raw``."""
    if not has_table(connection, CONVERSION_SCORES):
        return 0
    return int(connection.execute(f"select count(*) {_ERASED}").fetchall()[0][0])


def forget_scores(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete the scores of erased trials. Call it while raw still has the erased events."""
    if has_table(connection, CONVERSION_SCORES):
        connection.execute(f"delete {_ERASED}")


def _predicted(days: TrialDays, kept: Kept | None, silence: str) -> pa.Table:
    count = len(days)
    probabilities: list[float | None] = [None] * count
    deciles: list[int | None] = [None] * count
    reasons: list[str | None] = [None] * count
    verdicts = [silence] * count
    if kept and count:
        model = kept.model
        predicted = model.probabilities(days)
        tenths = kept.tenths.deciles(predicted)
        drift = drift_claim(kept.tenths, predicted)
        unseen = model.encoder.unseen(days)
        told = _reasons(model.reasons(days))
        for row in range(count):
            if unseen[row]:
                verdicts[row] = (
                    "insufficient data: nobody of the training stood like this with "
                    + ", ".join((*model.encoder.never_used, *model.encoder.always_used))
                )
            elif not drift.holds:
                verdicts[row] = (
                    f"no model: people at risk are unlike those of the past, {drift.seen}"
                )
            else:
                probabilities[row] = float(predicted[row])
                deciles[row] = int(tenths[row])
                reasons[row] = told[row]
                verdicts[row] = "ok"
    return pa.table(
        {
            "actor_id": pa.array(days.actor_ids, pa.string()),
            "trial_day": pa.array(days.trial_days, pa.int32()),
            "probability": pa.array(probabilities, pa.float64()),
            "decile": pa.array(deciles, pa.int32()),
            "top_reasons": pa.array(reasons, pa.string()),
            "verdict": pa.array(verdicts, pa.string()),
        }
    )


def _reasons(parts: Mapping[str, Any]) -> list[str]:
    """For each row the groups with the strongest effect, strongest first, with log-odds."""
    names = list(parts)
    matrix = np.column_stack([parts[name] for name in names])
    order = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :MAX_REASONS]
    return [
        "; ".join(
            f"{names[place]} {matrix[row, place]:+.2f}"
            for place in places
            if abs(matrix[row, place]) >= MIN_REASON
        )
        for row, places in enumerate(order)
    ]
