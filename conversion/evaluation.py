"""How good probabilities were, measured once the outcomes are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conversion.trial_days import Flags, Floats, Texts

DECILES: Final = 10
#: Confidence level of the intervals in all tables.
CONFIDENCE: Final = 0.95
#: Probabilities are kept this far from 0 and 1. Otherwise one surprise would dominate the loss.
MOST_CERTAIN: Final = 1e-6


@dataclass(frozen=True)
class Decile:
    """A tenth of the rows, by their probability: the predicted and the observed rate.

    ``low`` to ``high`` is Wilson's interval of ``observed_rate``. It counts persons as draws, not
    rows: the days of one person share an outcome.
    """

    decile: int
    rows: int
    persons: int
    predicted_rate: float
    observed_rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """The losses of the model, and of the base rate alone, on n rows with known outcome.

    ``gain`` is how much lower the mean loss of a row is with the model, in nats. ``excess`` is the
    mean probability minus the observed rate. The standard errors of both count the days of one
    person as one draw. ``calibration_error`` is the mean distance between predicted and observed
    rate over the deciles (ECE). ``chance_error`` is its expected value if every probability were
    true.
    """

    rows: int
    persons: int
    conversions: int
    base_rate: float
    log_loss: float
    base_log_loss: float
    gain: float
    gain_error: float
    brier: float
    auc: float
    excess: float
    excess_error: float
    calibration_error: float
    chance_error: float
    deciles: tuple[Decile, ...]


def losses(probabilities: Floats, is_converted: Flags) -> Floats:
    """The log loss of each row, in nats: minus the log of the probability of what happened."""
    certain = np.clip(probabilities, MOST_CERTAIN, 1 - MOST_CERTAIN)
    return np.asarray(-np.log(np.where(is_converted, certain, 1 - certain)))


def standard_error(values: Floats, clusters: Texts) -> float:
    """The standard error of a mean whose values correlate in clusters (Liang and Zeger 1986)."""
    _, numbers = np.unique(clusters.astype(str), return_inverse=True)
    sums = np.bincount(numbers, weights=values - values.mean())
    count = len(sums)
    if count < 2:
        return float("inf")
    return float(np.sqrt((sums**2).sum() * count / (count - 1)) / len(values))


def wilson(rate: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The score interval of a rate from n draws (Wilson 1927)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, float(centre - reach)), min(1.0, float(centre + reach))


@dataclass(frozen=True)
class Tenths:
    """The nine probabilities that split rows into tenths, and the share of rows in each tenth."""

    bounds: Floats
    shares: Floats

    @classmethod
    def of(cls, probabilities: Floats) -> Tenths:
        """The tenths of these rows."""
        bounds = np.asarray(np.quantile(probabilities, np.arange(1, DECILES) / DECILES))
        tenths = cls(bounds, np.empty(0))
        return replace(tenths, shares=tenths.counts(probabilities) / len(probabilities))

    def deciles(self, probabilities: Floats) -> NDArray[np.int64]:
        """The tenth that each probability falls in, from 1 to 10."""
        return np.asarray(np.searchsorted(self.bounds, probabilities, side="left") + 1)

    def counts(self, probabilities: Floats) -> NDArray[np.int64]:
        """How many probabilities fall in each tenth."""
        return np.bincount(self.deciles(probabilities) - 1, minlength=len(self.bounds) + 1)


def evaluate(
    probabilities: Floats, base_rate: float, is_converted: Flags, actor_ids: Texts
) -> Evaluation:
    """Compare the probabilities of n rows, and the base rate of the training, with the outcomes."""
    from sklearn.metrics import roc_auc_score

    outcomes = is_converted.astype(float)
    cost = losses(probabilities, is_converted)
    base_cost = losses(np.full(len(cost), base_rate), is_converted)
    excess = probabilities - outcomes
    deciles = list(_deciles(probabilities, outcomes, actor_ids))
    return Evaluation(
        rows=len(cost),
        persons=len(set(actor_ids)),
        conversions=int(is_converted.sum()),
        base_rate=base_rate,
        log_loss=float(cost.mean()),
        base_log_loss=float(base_cost.mean()),
        gain=float((base_cost - cost).mean()),
        gain_error=standard_error(base_cost - cost, actor_ids),
        brier=float((excess**2).mean()),
        auc=float(roc_auc_score(is_converted, probabilities)),
        excess=float(excess.mean()),
        excess_error=standard_error(excess, actor_ids),
        calibration_error=sum(
            each.rows * abs(each.predicted_rate - each.observed_rate) for each in deciles
        )
        / len(cost),
        chance_error=sum(each.rows * _chance_distance(each) for each in deciles) / len(cost),
        deciles=tuple(deciles),
    )


def _deciles(probabilities: Floats, outcomes: Floats, actor_ids: Texts) -> Any:
    tenths = Tenths.of(probabilities).deciles(probabilities)
    for decile in range(1, DECILES + 1):
        rows = tenths == decile
        if rows.any():
            persons = len(set(actor_ids[rows]))
            observed = float(outcomes[rows].mean())
            yield Decile(
                decile,
                int(rows.sum()),
                persons,
                float(probabilities[rows].mean()),
                observed,
                *wilson(observed, persons),
            )


def _chance_distance(decile: Decile) -> float:
    """The mean absolute value of a normal variable is its deviation times √(2/π)."""
    rate = decile.predicted_rate
    return float(np.sqrt(2 / np.pi * rate * (1 - rate) / decile.persons))
