"""The intervals and tests of results are those of scipy, tea-tasting and the papers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting as tt
from scipy import stats

from tests.experiments.populations import Floats, Population, results
from tests.models_in_memory import CompiledModels

DAYS = 20


def population(
    seed: int, kind: str, sizes: tuple[int, int] = (400, 500), **others: Any
) -> Population:
    """Persons of a and b over DAYS days, with an effect and an earlier period."""
    random = np.random.default_rng(seed)
    count = sum(sizes)
    variants = np.repeat(["a", "b"], sizes)
    earlier = np.round(random.gamma(2, 10, count), 2)
    if kind == "conversion":
        values = (random.random(count) < np.where(variants == "b", 0.15, 0.1)).astype(float)
    elif kind == "count":
        values = random.poisson(2 + earlier / 20).astype(float)
    else:
        values = np.round(earlier * random.lognormal(0, 0.6, count) + (variants == "b"), 2)
    return Population(
        name=f"{kind}_{seed}",
        variants=list(variants),
        days=random.integers(0, DAYS, count),
        values=values,
        kind=kind,
        planned_persons=count,
        earlier=earlier,
        **others,
    )


def latest(compiled: CompiledModels, *populations: Population) -> dict[str, dict[str, Any]]:
    """Experiment → the last row of its variant b."""
    warehouse = results(compiled, populations, DAYS + 1)
    rows = warehouse.rows(
        "select * from marts.fct_experiment_results where is_latest and variant = 'b'"
    )
    return {row["experiment_name"]: row for row in rows}


def split(each: Population, values: Floats) -> tuple[Floats, Floats]:
    of_b = np.array(each.variants) == "b"
    return values[~of_b], values[of_b]


@pytest.mark.parametrize("kind", ["count", "revenue"])
def test_means_are_compared_as_tea_tasting_does_with_and_without_what_was_before(
    compiled: CompiledModels, kind: str
) -> None:
    populations = [population(seed, kind) for seed in range(4)]
    found = latest(compiled, *populations)
    for each in populations:
        frame = pa.table({"variant": each.variants, "y": each.values, "x": each.earlier})
        wanted = tt.Experiment(plain=tt.Mean("y"), adjusted=tt.Mean("y", "x")).analyze(
            frame, control="a"
        )
        row = found[each.name]
        plain, adjusted = wanted["plain"], wanted["adjusted"]
        assert [row["final_difference"], row["final_low"], row["final_high"]] == pytest.approx(
            [plain.effect_size, plain.effect_size_ci_lower, plain.effect_size_ci_upper], rel=1e-6
        )
        assert [
            *(row["adjusted_difference"], row["adjusted_low"], row["adjusted_high"]),
        ] == pytest.approx(
            [
                *(adjusted.effect_size, adjusted.effect_size_ci_lower),
                adjusted.effect_size_ci_upper,
            ],
            rel=1e-6,
        )
        assert row["adjusted_persons"] == len(each.values)


def test_rates_are_compared_by_newcombe_from_wilsons_intervals(compiled: CompiledModels) -> None:
    populations = [population(seed, "conversion") for seed in range(4)]
    found = latest(compiled, *populations)
    for each in populations:
        a, b = split(each, each.values)
        p, q = a.mean(), b.mean()
        of_a, of_b = (
            stats.binomtest(int(x.sum()), len(x)).proportion_ci(0.95, "wilson") for x in (a, b)
        )
        row = found[each.name]
        assert row["final_difference"] == pytest.approx(q - p)
        assert row["final_low"] == pytest.approx(
            q - p - math.hypot(q - of_b.low, of_a.high - p), rel=1e-9
        )
        assert row["final_high"] == pytest.approx(
            q - p + math.hypot(of_b.high - q, p - of_a.low), rel=1e-9
        )
        assert row["adjusted_persons"] is None


def test_newcombes_own_example_has_his_bounds(compiled: CompiledModels) -> None:
    """56 of 70 against 48 of 80 (Statistics in Medicine 17, 1998, table II): 0.0524 to 0.3339."""
    values = np.array([1.0] * 48 + [0.0] * 32 + [1.0] * 56 + [0.0] * 14)
    each = Population(
        "newcombe", ["a"] * 80 + ["b"] * 70, np.zeros(150, int), values, planned_persons=150
    )
    row = latest(compiled, each)["newcombe"]
    assert (round(row["final_low"], 4), round(row["final_high"], 4)) == (0.0524, 0.3339)


def test_the_interval_of_every_day_is_the_asymptotic_confidence_sequence(
    compiled: CompiledModels,
) -> None:
    """Waudby-Smith and others, theorem 2.2 and appendix B.2, for the planned number of persons."""
    each = population(7, "revenue")
    a, b = split(each, each.values)
    n, alpha = len(each.values), 0.05
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    tuning = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / n
    half = error * math.sqrt(
        2 * (n * tuning + 1) / (n * tuning) * math.log(math.sqrt(n * tuning + 1) / alpha)
    )
    row = latest(compiled, each)[each.name]
    assert row["always_low"] == pytest.approx(b.mean() - a.mean() - half, rel=1e-9)
    assert row["always_high"] == pytest.approx(b.mean() - a.mean() + half, rel=1e-9)
    assert row["always_low"] < row["final_low"] < row["final_high"] < row["always_high"]


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [
        ((400, 500), {"a": 1.0, "b": 1.0}),
        ((400, 500), {"a": 4.0, "b": 5.0}),
        ((300, 330, 370), {"a": 1.0, "b": 1.0, "c": 1.0}),
        ((300, 330, 500, 4), {"a": 3.0, "b": 3.0, "c": 5.0, "d": 1.0}),
    ],
)
def test_the_sample_ratio_is_tested_as_scipy_does(
    compiled: CompiledModels, sizes: tuple[int, ...], shares: dict[str, float]
) -> None:
    variants = [name for name, size in zip(shares, sizes, strict=True) for _ in range(size)]
    count = len(variants)
    each = Population(
        "ratio", variants, np.zeros(count, int), np.arange(count, dtype=float) % 2, shares=shares
    )
    expected = [count * share / sum(shares.values()) for share in shares.values()]
    wanted = stats.chisquare(sizes, expected).pvalue
    row = latest(compiled, each)["ratio"]
    assert row["ratio_p_value"] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert (row["result_state"] == "ratio_off") == (wanted < 0.001)


@pytest.mark.parametrize("degrees", [29.0, 31.7, 58, 120.5, 1e4, 1e7])
def test_students_deviate_is_exact_to_seven_digits(
    compiled: CompiledModels, degrees: float
) -> None:
    sql = next(m for m in compiled.models if m.name == "int_experiment_pairs_compared").full
    terms = sql[sql.index("(1.959963984540054e0 +") :].split("/ power(")
    coefficients = [float(part.rpartition("+")[2]) for part in terms[:4]]
    found = stats.norm.ppf(0.975) + sum(
        term / degrees**place for place, term in enumerate(coefficients, 1)
    )
    assert found == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-7)
