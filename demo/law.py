"""The known law by which the demo's trials become purchases, to check analyses against."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta
from types import MappingProxyType
from typing import Final

#: Features used within this time after ``trial_started`` decide; later use changes nothing.
DECISION_AFTER: Final = timedelta(days=5)
#: Whoever buys does so between ``DECISION_AFTER`` and this, inside the funnel's 14 days.
PURCHASE_BEFORE: Final = timedelta(days=13, hours=12)

#: Log-odds of buying without any feature: 6 of 100 do.
BASE_LOG_ODDS: Final = -2.75
#: Log-odds added by any use of a feature. ``query_saved`` adds nothing. The people who use the
#: other features use it too, so it seems to sell plans until the others are accounted for.
FEATURE_LOG_ODDS: Final = MappingProxyType(
    {"report_created": 1.7, "dashboard_shared": 1.2, "query_saved": 0.0}
)
FEATURES: Final = tuple(FEATURE_LOG_ODDS)

#: The experiment, and the chance that a person invites somebody, by the variant that they see. The
#: variants are drawn evenly, and change nothing else.
EXPERIMENT: Final = "guided_setup"
INVITATION_RATES: Final = {"control": 0.2, "guided": 0.35}

#: Among those who buy, whatever they used.
ANNUAL_SHARE: Final = 0.3

#: Share of purchases of which something is given back, and how much: all of it or half, evenly.
REFUND_RATE: Final = 0.15
REFUNDED_SHARES: Final = (1.0, 0.5)
#: A refund is given from so long after the purchase on, and before this.
REFUND_AFTER: Final = timedelta(days=1)
REFUND_BEFORE: Final = timedelta(days=10)


def purchase_probability(features: Iterable[str]) -> float:
    """Give the chance that a trial buys, by the features used before ``DECISION_AFTER``.

    How often a feature was used does not matter. Nothing else matters: given the features, the
    eagerness of a person has no effect. Raises KeyError for what is not one of ``FEATURES``.
    """
    log_odds = BASE_LOG_ODDS + sum(FEATURE_LOG_ODDS[feature] for feature in set(features))
    return 1 / (1 + math.exp(-log_odds))


def purchase_within(features: Iterable[str], age: timedelta, horizon: timedelta) -> float:
    """Give the chance that a trial of this age, which has not bought, buys within the horizon.

    Those who buy do so at an even pace between ``DECISION_AFTER`` and ``PURCHASE_BEFORE``. The
    features are those used before ``DECISION_AFTER``. Raises KeyError as purchase_probability.
    """
    span = PURCHASE_BEFORE - DECISION_AFTER
    before, until = (
        (min(max(at, DECISION_AFTER), PURCHASE_BEFORE) - DECISION_AFTER) / span
        for at in (age, age + horizon)
    )
    ever = purchase_probability(features)
    return ever * (until - before) / (1 - ever * before)
