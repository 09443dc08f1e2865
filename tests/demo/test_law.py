from __future__ import annotations

import math
from itertools import combinations

import pytest

from demo.law import FEATURES, purchase_probability


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
