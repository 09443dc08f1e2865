"""Whether a model may be used. Each claim about it is tested before it replaces the last model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from conversion.evaluation import Evaluation, Tenths
from conversion.trial_days import Floats

#: How far the mean probability, or the mean distance over the deciles, may be off, as a share of
#: the observed rate. If the rate is 4 %, a prediction of 3.2 or 4.8 % leads to the same decision.
TOLERANCE: Final = 0.2
#: A deviation beyond this is not chance: a true model has one in three of a thousand cases.
STANDARD_ERRORS: Final = 3.0
#: Above this population stability index, the population has changed (Siddiqi 2006).
MAX_DRIFT: Final = 0.25
#: With fewer rows the index exceeds the bound by chance, so it is not tested.
MIN_DRIFT_ROWS: Final = 100


@dataclass(frozen=True)
class Claim:
    """A claim about a model, whether it holds, and what was measured."""

    name: str
    holds: bool
    seen: str


def claims_on(evaluation: Evaluation) -> Iterator[Claim]:
    """What must be true of a model on later days that it has not learnt from."""
    yield Claim(
        "models_beat_the_base_rate",
        evaluation.gain > evaluation.gain_error,
        f"log loss {evaluation.log_loss:.4f} against {evaluation.base_log_loss:.4f} of the base "
        f"rate: {evaluation.gain:.4f} better, standard error {evaluation.gain_error:.4f}",
    )
    observed = evaluation.conversions / evaluation.rows
    is_off = abs(evaluation.excess) > max(
        TOLERANCE * observed, STANDARD_ERRORS * evaluation.excess_error
    )
    is_uneven = evaluation.calibration_error > TOLERANCE * observed + 2 * evaluation.chance_error
    yield Claim(
        "models_are_calibrated",
        not is_off and not is_uneven,
        f"{observed + evaluation.excess:.4f} predicted, {observed:.4f} observed, standard error "
        f"{evaluation.excess_error:.4f}; mean distance over the deciles "
        f"{evaluation.calibration_error:.4f}, by chance alone {evaluation.chance_error:.4f}",
    )


def drift_claim(training: Tenths, probabilities: Floats) -> Claim:
    """Whether the persons at risk now have probabilities like those in the training.

    It uses the population stability index: the sum of (now - then) * ln(now / then).
    """
    name = "models_have_not_drifted"
    if len(probabilities) < MIN_DRIFT_ROWS:
        return Claim(name, True, f"{len(probabilities)} rows at risk are too few to tell")
    # Half a row is added to each decile, because an empty one has no logarithm.
    counts = training.counts(probabilities)
    now = (counts + 0.5) / (len(probabilities) + 0.5 * len(counts))
    then = np.maximum(training.shares, 0.5 / len(probabilities))
    index = float(((now - then) * np.log(now / then)).sum())
    return Claim(name, index <= MAX_DRIFT, f"population stability index {index:.3f}")


def told(claims: list[Claim]) -> dict[str, Any]:
    """The claims in the form that is stored with a model."""
    return {claim.name: {"holds": claim.holds, "seen": claim.seen} for claim in claims}
