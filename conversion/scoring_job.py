"""The nightly run of the conversion questions: learn if it is due, validate, score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import duckdb
import numpy as np

from conversion.guardrails import Claim, claims_on, drift_claim, told
from conversion.learning import InsufficientData, Learnt, learn
from conversion.model_store import Kept, carded, current, keep, last_refused, refuse
from conversion.questions import Question
from conversion.scoring import prepare_scores, score
from conversion.trial_days import TrialDays, read_trial_days
from ingestion.settings import Settings

#: A model is used for a week before the next is learnt. One day adds little data, and scores of the
#: same model can be compared.
LEARN_AFTER: Final = np.timedelta64(7, "D")
#: After a model is refused, the next is learnt once there is a day more of data. Runs in between
#: would give the same result.
TRY_AGAIN_AFTER: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Foreseen:
    """What a nightly run did for one question.

    ``learnt`` is the model that this run learnt, if it did. ``claims`` are about that model, or
    about the last refused one. ``is_taken`` says whether the new model is used from now on.
    ``silence`` says why a model was not accepted or not learnt.
    """

    question: Question
    rows: int
    mature_rows: int
    converted_persons: int
    learnt: Learnt | None = None
    claims: Sequence[Claim] = field(default_factory=tuple)
    is_taken: bool = False
    version: str | None = None
    silence: str = ""
    scored: int = 0


def foresee(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    questions: Sequence[Question],
    scored_at: datetime,
) -> list[Foreseen]:
    """Answer every question from the marts of the warehouse; ``scored_at`` is naive UTC.

    A model that breaks a claim is not used: the one before stays in use. If there is none, the
    scores say why. The caller holds the writer lock.
    """
    prepare_scores(connection)
    return [_foresee(settings, connection, each, scored_at) for each in questions]


def _foresee(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    question: Question,
    scored_at: datetime,
) -> Foreseen:
    features = [feature.name for feature in question.features]
    days = read_trial_days(connection, question.name, features)
    mature = days[days.is_mature]
    kept = current(settings, question)
    learnt: Learnt | None = None
    claims: list[Claim] = []
    silence = ""
    is_taken = False
    refused = last_refused(settings, question)
    if refused and _is_of_today(refused[0], mature):
        claims = refused[1]
        silence = _why(claims)
    elif _is_due(kept, mature):
        try:
            learnt = learn(mature, features)
        except InsufficientData as error:
            silence = str(error)
        else:
            predicted = learnt.model.probabilities(days[days.is_open])
            claims = [
                *claims_on(learnt.evaluation),
                drift_claim(learnt.tenths, predicted),
            ]
            is_taken = all(claim.holds for claim in claims)
            if is_taken:
                kept = carded(question, learnt, mature, told(claims))
                keep(settings, kept)
            else:
                refuse(settings, question, mature.as_of.max(), claims)
                silence = _why(claims)
    return Foreseen(
        question=question,
        rows=len(days),
        mature_rows=len(mature),
        converted_persons=mature.converted_persons,
        learnt=learnt,
        claims=tuple(claims),
        is_taken=is_taken,
        version=kept.version if kept else None,
        silence=silence,
        scored=score(connection, question, days, kept, silence, scored_at),
    )


def _why(claims: Sequence[Claim]) -> str:
    broken = (f"{each.name} ({each.seen})" for each in claims if not each.holds)
    return f"no model: not true of the last one learnt: {', '.join(broken)}"


def _is_of_today(to: np.datetime64, mature: TrialDays) -> bool:
    return bool(len(mature) and to <= mature.as_of.max() < to + TRY_AGAIN_AFTER)


def _is_due(kept: Kept | None, mature: TrialDays) -> bool:
    if kept is None:
        return True
    last = np.datetime64(kept.card["window"]["to"])
    return bool(len(mature) and mature.as_of.max() >= last + LEARN_AFTER)
