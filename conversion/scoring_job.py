"""One night of every conversion question: learn where it is time, judge, score, tell."""

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

#: A model speaks for a week before the next is learnt: a night adds little to what it knows, and
#: scores of one model can be held against each other.
LEARN_AFTER: Final = np.timedelta64(7, "D")
#: One that does not get to speak is tried again with a day more: runs in between know no better.
TRY_AGAIN_AFTER: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Foreseen:
    """What a night made of one question.

    ``learnt`` is the model that was learnt this night, if one was; ``claims`` are on it, or on
    the last one that did not get to speak;
    ``is_taken`` says whether it speaks from now on. ``silence`` says why none speaks.
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

    A model that breaks a claim does not speak: the one before goes on, and where there is none
    the scores say why. The caller holds the writer lock.
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
            foretold = learnt.model.probabilities(days[days.is_open])
            claims = [
                *claims_on(learnt.evaluation),
                drift_claim(learnt.tenths, foretold),
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
