"""Over many populations the intervals cover the truth as often as they say, looked at every day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.experiments.populations import Population, results
from tests.models_in_memory import CompiledModels

REPEATS = 300
PERSONS = 600
DAYS = 20
#: Kind → how much b is more than a.
TRUTH = {"conversion": 0.05, "revenue": 2.0}


def population(kind: str, number: int) -> Population:
    """An experiment whose truth is known: a rate of 10 %, or skewed amounts like those before."""
    random = np.random.default_rng([len(kind), number])
    is_b = random.random(PERSONS) < 0.5
    earlier = np.round(random.lognormal(2, 0.7, PERSONS), 2)
    if kind == "conversion":
        values = (random.random(PERSONS) < 0.1 + TRUTH[kind] * is_b).astype(float)
    else:
        values = np.round(earlier * random.lognormal(0, 0.5, PERSONS) + TRUTH[kind] * is_b, 2)
    return Population(
        name=f"{kind} {number:03}",
        variants=list(np.where(is_b, "b", "a")),
        days=random.integers(0, DAYS, PERSONS),
        values=values,
        kind=kind,
        planned_persons=PERSONS * 3 // 4,
        earlier=earlier,
    )


@pytest.fixture(scope="module")
def repeated(compiled: CompiledModels) -> list[dict[str, Any]]:
    """Each day of each experiment, for variant b, with the interval that must not be peeked at."""
    warehouse = results(
        compiled,
        [population(kind, number) for kind in TRUTH for number in range(REPEATS)],
        DAYS,
    )
    return warehouse.rows(
        """
        select results.*, pairs.fixed_low, pairs.fixed_high
        from marts.fct_experiment_results as results
        left join intermediate.int_experiment_pairs_compared as pairs
            using (experiment_name, metric_name, variant, result_date)
        where variant = 'b'
        """
    )


def leaves_out(row: dict[str, Any], low: str, high: str) -> bool:
    return row[low] is not None and not row[low] <= TRUTH[row["metric_kind"]] <= row[high]


def experiments_that(rows: list[dict[str, Any]], low: str, high: str) -> int:
    """Experiments whose interval leaves out the truth on any day."""
    return len({row["experiment_name"] for row in rows if leaves_out(row, low, high)})


def is_likely(count: int, share: float, of: int = REPEATS) -> bool:
    """Whether a count this far from its share comes up more than once in a thousand times."""
    return float(stats.binomtest(count, of, share).pvalue) > 0.001


@pytest.mark.parametrize("kind", TRUTH)
def test_intervals_cover_the_truth_as_often_as_they_say(
    repeated: list[dict[str, Any]], kind: str
) -> None:
    rows = [row for row in repeated if row["metric_kind"] == kind]
    last = [row for row in rows if row["is_latest"]]
    assert len(last) == REPEATS
    assert all(row["final_date"] for row in last)
    # Once it is final, nothing changes it: the interval of one day is that of all days.
    finals = experiments_that(rows, "final_low", "final_high")
    assert finals == experiments_that(last, "final_low", "final_high")
    assert is_likely(finals, 0.05)
    if kind == "revenue":
        assert is_likely(experiments_that(last, "adjusted_low", "adjusted_high"), 0.05)
        narrower = [
            r["adjusted_high"] - r["adjusted_low"] < r["final_high"] - r["final_low"] for r in last
        ]
        assert all(narrower)


@pytest.mark.parametrize("kind", TRUTH)
def test_who_looks_every_day_is_wrong_by_the_usual_interval_and_not_by_the_always_valid_one(
    repeated: list[dict[str, Any]], kind: str
) -> None:
    rows = [row for row in repeated if row["metric_kind"] == kind]
    assert experiments_that(rows, "always_low", "always_high") <= 0.05 * REPEATS
    assert experiments_that(rows, "fixed_low", "fixed_high") > 0.12 * REPEATS


def test_the_sample_ratio_is_silent_as_often_as_it_says(repeated: list[dict[str, Any]]) -> None:
    last = [row for row in repeated if row["is_latest"]]
    for chance in (0.01, 0.05, 0.2):
        below = sum(row["ratio_p_value"] < chance for row in last)
        assert is_likely(below, chance, len(last))
    told = {row["experiment_name"] for row in repeated if row["result_state"] == "ratio_off"}
    assert len(told) <= 0.01 * len(last)
