"""Learns a model of conversion: trained, chosen and tested on successive parts of the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from conversion.encoding import Encoder
from conversion.evaluation import (
    Evaluation,
    Tenths,
    evaluate,
    losses,
    standard_error,
)
from conversion.splitting import Split, split
from conversion.trial_days import Floats, TrialDays

#: Least number of persons with each outcome. The rule of ten events per variable (Peduzzi 1996)
#: gives 50 for five columns. The penalty limits the effect of further columns.
MIN_PERSONS: Final = 50
#: Least number of persons with each outcome in each part. With fewer, a test tells nothing.
MIN_PERSONS_OF_PART: Final = 10
#: Inverse strengths of the penalty. The first leaves little but the base rate, the last hardly
#: penalises.
STRENGTHS: Final = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
#: Boosting rounds: from few to many, on trees of eight leaves.
ROUNDS: Final = (25, 50, 100, 200)
#: The boosting must be better by this many standard errors, because the best of several is partly
#: luck. On data of a real forum one was better by 1.6 of them, on 15 conversions, and was worse on
#: the days after.
ERRORS_TO_WIN_BY: Final = 2.0
SEED: Final = 1
#: One thread sums in a fixed order, so the same data gives the same model, bit for bit.
THREADS: Final = 1


class InsufficientData(Exception):
    """Too little data to learn from. The text says what is missing and how much is needed."""


@dataclass(frozen=True)
class Recipe:
    """Which learner, and its strength: an inverse penalty, or a number of boosting rounds."""

    kind: str
    strength: float

    def learner(self) -> Any:
        """A scikit-learn estimator that is not fitted yet."""
        if self.kind == "logistic_regression":
            from sklearn.linear_model import LogisticRegression

            # The penalty is L2. Of the exact solvers this one suits many more rows than columns.
            return LogisticRegression(C=self.strength, solver="newton-cholesky", max_iter=200)
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=int(self.strength),
            learning_rate=0.05,
            max_leaf_nodes=8,
            min_samples_leaf=100,
            early_stopping=False,
            random_state=SEED,
        )


@dataclass(frozen=True)
class Model:
    """What predicts: an encoder that turns days into numbers, and a learner that weighs them."""

    recipe: Recipe
    encoder: Encoder
    learner: Any

    def probabilities(self, days: TrialDays) -> Floats:
        """The probability that each row converts within the horizon."""
        return self.predicted(self.encoder.matrix(days))

    def reasons(self, days: TrialDays) -> dict[str, Floats]:
        """Group of columns → by how much it moves each row's log-odds.

        The log-odds are compared with those of the same row with average values in the group. For
        a logistic regression this is the group's part of the sum.
        """
        matrix = self.encoder.matrix(days)
        odds = _log_odds(self.predicted(matrix))
        reasons = {}
        for group, places in self.encoder.groups.items():
            average = matrix.copy()
            average[:, places] = 0.0
            reasons[group] = odds - _log_odds(self.predicted(average))
        return reasons

    def predicted(self, matrix: Floats) -> Floats:
        """The probability that each encoded row converts within the horizon."""
        # scikit-learn refuses an empty matrix.
        if not len(matrix):
            return np.empty(0)
        with _one_thread():
            return np.asarray(self.learner.predict_proba(matrix)[:, 1])


@dataclass(frozen=True)
class Learnt:
    """A model learnt from all mature days, and how the same recipe did on days it had not seen.

    ``tenths`` are those of the model's probabilities for all mature days. ``chosen_by`` is the loss
    of every recipe on the days of validation.
    """

    model: Model
    tenths: Tenths
    base_rate: float
    evaluation: Evaluation
    parts: dict[str, int]
    chosen_by: dict[str, float]


def learn(days: TrialDays, features: Sequence[str]) -> Learnt:
    """Learn from mature days, in order of time.

    The model is a logistic regression whose penalty is chosen by the loss on later days. A boosting
    is used only if it is better beyond chance (ERRORS_TO_WIN_BY). The choice is tested on the last
    days and then fitted to all days. Raises InsufficientData.
    """
    _check(days, "of the past", MIN_PERSONS)
    parts = split(days)
    for name in ("train", "validate", "test"):
        _check(days[getattr(parts, name)], f"in the part to {name}", MIN_PERSONS_OF_PART)
    recipe, chosen_by = _choose(days, parts, features)
    (rehearsed,) = _fit(days[parts.learnt], features, [recipe])
    test = days[parts.test]
    evaluation = evaluate(
        rehearsed.probabilities(test),
        float(days.is_converted[parts.learnt].mean()),
        test.is_converted,
        test.actor_ids,
    )
    (model,) = _fit(days, features, [recipe])
    return Learnt(
        model=model,
        tenths=Tenths.of(model.probabilities(days)),
        base_rate=float(days.is_converted.mean()),
        evaluation=evaluation,
        parts={name: int(getattr(parts, name).sum()) for name in ("train", "validate", "test")},
        chosen_by=chosen_by,
    )


def _check(days: TrialDays, of_what: str, least: int) -> None:
    converted = days.converted_persons
    others = len(set(days.actor_ids) - set(days.actor_ids[days.is_converted]))
    for count, did in ((converted, "converted"), (others, "did not convert")):
        if count < least:
            raise InsufficientData(
                f"insufficient data: {count} persons {of_what} {did}, and a model takes {least}"
            )


def _choose(
    days: TrialDays, parts: Split, features: Sequence[str]
) -> tuple[Recipe, dict[str, float]]:
    train, validate = days[parts.train], days[parts.validate]
    models = _fit(
        train,
        features,
        [
            *(Recipe("logistic_regression", strength) for strength in STRENGTHS),
            *(Recipe("boosting", float(rounds)) for rounds in ROUNDS),
        ],
    )
    matrix = models[0].encoder.matrix(validate)
    costs = {
        model.recipe: losses(model.predicted(matrix), validate.is_converted) for model in models
    }

    def best(kind: str) -> Recipe:
        return min(
            (recipe for recipe in costs if recipe.kind == kind),
            key=lambda recipe: (costs[recipe].mean(), recipe.strength),
        )

    plain, boosted = best("logistic_regression"), best("boosting")
    gain = costs[plain] - costs[boosted]
    is_better = gain.mean() > ERRORS_TO_WIN_BY * standard_error(gain, validate.actor_ids)
    return boosted if is_better else plain, {
        f"{recipe.kind} {recipe.strength:g}": float(cost.mean()) for recipe, cost in costs.items()
    }


def _fit(days: TrialDays, features: Sequence[str], recipes: Sequence[Recipe]) -> list[Model]:
    encoder = Encoder.learn(days, features)
    if not encoder.columns:
        raise InsufficientData(
            "insufficient data: all persons of the past stood alike, so nothing tells them apart"
        )
    matrix = encoder.matrix(days)
    models = [Model(recipe, encoder, recipe.learner()) for recipe in recipes]
    with _one_thread():
        for model in models:
            model.learner.fit(matrix, days.is_converted)
    return models


def _one_thread() -> Any:
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=THREADS)


def _log_odds(probabilities: Floats) -> Floats:
    return np.asarray(np.log(probabilities) - np.log1p(-probabilities))
