"""Splits the past by time into days to train, to validate and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conversion.trial_days import Flags, TrialDays

#: The last part is for the test. It is enough for an interval, and most like the days to come.
TEST_SHARE: Final = 0.3
#: Of the days before the test, the last part is for the choice of a model.
VALIDATE_SHARE: Final = 0.2


@dataclass(frozen=True)
class Split:
    """Which rows are in which part. Rows whose horizon reaches into the next part are in none."""

    train: Flags
    validate: Flags
    test: Flags

    @property
    def learnt(self) -> Flags:
        """The rows to learn from once a model is chosen. None of them are in the test."""
        return self.train | self.validate


def split(days: TrialDays) -> Split:
    """Split mature days by ``as_of``, not at random, because a model predicts later days.

    The outcome of a row is known at its horizon. If the horizon is after a cut, the outcome was not
    known at the cut, so the row is left out (purged, López de Prado 2018, chapter 7).
    """
    test_at = days.as_of[int(len(days) * (1 - TEST_SHARE))]
    is_before = days.horizon_at < test_at
    validate_at = days.as_of[int(len(days) * (1 - TEST_SHARE) * (1 - VALIDATE_SHARE))]
    return Split(
        train=days.horizon_at < validate_at,
        validate=(days.as_of >= validate_at) & is_before,
        test=days.as_of >= test_at,
    )
