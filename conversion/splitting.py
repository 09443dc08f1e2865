"""The past cut by time: what a model learns from, what chooses it, and what judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conversion.trial_days import Flags, TrialDays

#: The last part judges: enough for an interval, and the most like what comes next.
TEST_SHARE: Final = 0.3
#: Of what lies before it, the last part chooses.
VALIDATE_SHARE: Final = 0.2


@dataclass(frozen=True)
class Split:
    """Which rows are for what; rows whose horizon reaches into the next part are for nothing."""

    train: Flags
    validate: Flags
    test: Flags

    @property
    def learnt(self) -> Flags:
        """What may be learnt from once the choice is made; the judge has seen none of it."""
        return self.train | self.validate


def split(days: TrialDays) -> Split:
    """Cut mature days by ``as_of``, never by chance: tomorrow is asked, not another today.

    The outcome of a row is known at its horizon. A row whose horizon lies beyond a cut was not
    known there, so it is left out (purged, López de Prado 2018, chapter 7).
    """
    test_at = days.as_of[int(len(days) * (1 - TEST_SHARE))]
    is_before = days.horizon_at < test_at
    validate_at = days.as_of[int(len(days) * (1 - TEST_SHARE) * (1 - VALIDATE_SHARE))]
    return Split(
        train=days.horizon_at < validate_at,
        validate=(days.as_of >= validate_at) & is_before,
        test=days.as_of >= test_at,
    )
