from __future__ import annotations

import math
from datetime import timedelta
from itertools import combinations

import pytest

from demo.law import FEATURES, purchase_probability, purchase_within


def test_without_a_feature_six_of_a_hundred_buy() -> None:
    assert purchase_probability([]) == pytest.approx(1 / (1 + math.exp(2.75)))


def test_every_feature_but_saving_a_query_raises_the_chance_whatever_else_was_used() -> None:
    for count in range(len(FEATURES)):
        for used in combinations(FEATURES, count):
            for feature in set(FEATURES) - set(used):
                with_it = purchase_probability([*used, feature])
                if feature == "query_saved":
                    assert with_it == purchase_probability(used)
                else:
                    assert with_it > purchase_probability(used)


def test_how_often_a_feature_was_used_does_not_matter() -> None:
    assert purchase_probability(["report_created"] * 3) == purchase_probability(["report_created"])


def test_an_unknown_feature_is_an_error() -> None:
    with pytest.raises(KeyError):
        purchase_probability(["report_deleted"])


def test_from_the_decision_to_the_last_purchase_it_is_the_chance_to_buy_at_all() -> None:
    whole = purchase_within(["report_created"], timedelta(days=0), timedelta(days=14))
    assert whole == pytest.approx(purchase_probability(["report_created"]))


def test_nobody_buys_before_the_decision_or_after_the_trial() -> None:
    for age in (0, 1, 14):
        assert purchase_within(FEATURES, timedelta(days=age), timedelta(days=3)) == 0


def test_who_does_not_buy_on_one_day_may_on_the_next() -> None:
    day = timedelta(days=1)
    first, second, both = (
        purchase_within(FEATURES, age * day, days * day) for age, days in ((8, 1), (9, 1), (8, 2))
    )
    assert 1 - both == pytest.approx((1 - first) * (1 - second))
