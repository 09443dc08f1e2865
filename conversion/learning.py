"""A model of conversion: learnt, chosen and judged on parts of the past that follow each other."""

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

#: Of either outcome, in persons: ten for each of five columns, the least of the rule of ten
#: events per variable (Peduzzi 1996). The penalty sees to the other columns.
MIN_PERSONS: Final = 50
#: Of either outcome, in persons, in each part: of fewer the judge knows nothing.
MIN_PERSONS_OF_PART: Final = 10
#: Inverse strengths of the penalty: from one that leaves little but the base rate to hardly any.
STRENGTHS: Final = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
#: Boosting rounds: from few to many, on trees of eight leaves.
ROUNDS: Final = (25, 50, 100, 200)
#: What a boosting must win by, in standard errors: the best of several is the luckiest as well. On
#: a real forum one that won by 1.6 of them on 15 conversions lost on the days after.
ERRORS_TO_WIN_BY: Final = 2.0
SEED: Final = 1
#: One thread adds up in one order: the same data gives the same model, bit for bit.
THREADS: Final = 1


class InsufficientData(Exception):
    """There is too little to learn from; the text says of what, and how much it takes."""


@dataclass(frozen=True)
class Recipe:
    """Which learner, how strongly held back."""

    kind: str
    strength: float

    def learner(self) -> Any:
        """An estimator of scikit-learn that has seen nothing yet."""
        if self.kind == "logistic_regression":
            from sklearn.linear_model import LogisticRegression

            # An L2 penalty; and of the exact solvers the one for many more rows than columns.
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
    """What foretells: how days become numbers, and the learner that weighs them."""

    recipe: Recipe
    encoder: Encoder
    learner: Any

    def probabilities(self, days: TrialDays) -> Floats:
        """The probability that each row converts within the horizon."""
        return self.foretold(self.encoder.matrix(days))

    def reasons(self, days: TrialDays) -> dict[str, Floats]:
        """By group of columns, how far each row's log-odds lie from those it would have if the
        group were as on average; for a logistic regression, the group's part of the sum."""
        matrix = self.encoder.matrix(days)
        odds = _log_odds(self.foretold(matrix))
        reasons = {}
        for group, places in self.encoder.groups.items():
            average = matrix.copy()
            average[:, places] = 0.0
            reasons[group] = odds - _log_odds(self.foretold(average))
        return reasons

    def foretold(self, matrix: Floats) -> Floats:
        """The same, of rows that the encoder has made numbers of."""
        # scikit-learn refuses to foretell nobody.
        if not len(matrix):
            return np.empty(0)
        with _one_thread():
            return np.asarray(self.learner.predict_proba(matrix)[:, 1])


@dataclass(frozen=True)
class Learnt:
    """A model of all that is known, and how the same recipe did on a future it had not seen.

    ``tenths`` are those of the probabilities of all that is known. ``chosen_by`` is the loss of
    every recipe on the days that chose.
    """

    model: Model
    tenths: Tenths
    base_rate: float
    evaluation: Evaluation
    parts: dict[str, int]
    chosen_by: dict[str, float]


def learn(days: TrialDays, features: Sequence[str]) -> Learnt:
    """Learn from mature days, in the order of time.

    A logistic regression, its penalty chosen by the loss on later days; a boosting only where it
    beats that beyond chance (ERRORS_TO_WIN_BY). The choice is judged on the last days, and then
    learns from all of them. Raises InsufficientData.
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
        model.recipe: losses(model.foretold(matrix), validate.is_converted) for model in models
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
