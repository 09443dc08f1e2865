"""Turns days of trials into a matrix of standardised numbers. Learns how from training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from conversion.trial_days import OF_FEATURE, OF_PERSON, Flags, Floats, TrialDays

#: With more ages than this, several ages share a column. A year of ages would give more columns
#: than there are facts.
MAX_AGE_BANDS: Final = 14
#: Only this many sources get a column. A model is kept longer than the data of a person, so it
#: names no source of fewer than MIN_SOURCE_PERSONS persons.
MAX_SOURCES: Final = 8
MIN_SOURCE_PERSONS: Final = 30
#: Measures that enter as a logarithm: 100 uses do not mean ten times as much as 10.
COUNTS: Final = frozenset(
    {"event_count", "active_days", "session_count", "device_count", "use_count", "days_used"}
)


@dataclass(frozen=True)
class Column:
    """A column: its group, and its bounds, mean and deviation in the training data."""

    name: str
    group: str
    low: float
    high: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Encoder:
    """How a day of trial becomes numbers.

    A value that was the same in all training rows gets no column: the effect of another value is
    unknown. A value outside the range of the training is replaced by the nearest bound.
    """

    features: tuple[str, ...]
    first_ages: tuple[int, ...]
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    never_used: tuple[str, ...]
    always_used: tuple[str, ...]

    @classmethod
    def learn(cls, days: TrialDays, features: Sequence[str]) -> Encoder:
        """Learn an encoder from the days of the training."""
        ages = np.unique(days.trial_days)
        bands = np.array_split(ages, min(len(ages), MAX_AGE_BANDS))
        first_ages = tuple(int(band[0]) for band in bands)
        sources = _sources(days)
        columns = []
        for name, group, values in _plain(days, features, first_ages, sources):
            low, high = float(values.min()), float(values.max())
            if low < high:
                columns.append(
                    Column(name, group, low, high, float(values.mean()), float(values.std()))
                )
        used = {feature: days.measures[f"{feature}.is_used"] > 0 for feature in features}
        return cls(
            features=tuple(features),
            first_ages=first_ages,
            sources=sources,
            columns=tuple(columns),
            never_used=tuple(name for name, flags in used.items() if not flags.any()),
            always_used=tuple(name for name, flags in used.items() if flags.all()),
        )

    def matrix(self, days: TrialDays) -> Floats:
        """One row per day, one column per Column. Mean 0 and deviation 1 in the training data."""
        plain = {
            name: values
            for name, _, values in _plain(days, self.features, self.first_ages, self.sources)
        }
        matrix = np.empty((len(days), len(self.columns)))
        for place, column in enumerate(self.columns):
            values = np.clip(plain[column.name], column.low, column.high)
            matrix[:, place] = (values - column.mean) / column.deviation
        return matrix

    def unseen(self, days: TrialDays) -> Flags:
        """Rows that use a feature that no training row used, or lack one that all of them used."""
        flags = np.zeros(len(days), dtype=bool)
        for feature in self.never_used:
            flags |= days.measures[f"{feature}.is_used"] > 0
        for feature in self.always_used:
            flags |= days.measures[f"{feature}.is_used"] == 0
        return flags

    @property
    def groups(self) -> dict[str, list[int]]:
        """Group → the indexes of its columns."""
        groups: dict[str, list[int]] = {}
        for place, column in enumerate(self.columns):
            groups.setdefault(column.group, []).append(place)
        return groups


def _sources(days: TrialDays) -> tuple[str, ...]:
    pairs = set(zip(days.actor_ids, days.entry_sources, strict=True))
    persons = Counter(str(source) for _, source in pairs)
    often = sorted(
        (-count, source) for source, count in persons.items() if count >= MIN_SOURCE_PERSONS
    )
    return tuple(source for _, source in often[:MAX_SOURCES])


def _plain(
    days: TrialDays, features: Sequence[str], first_ages: Sequence[int], sources: Sequence[str]
) -> Iterator[tuple[str, str, Floats]]:
    """Every column before it is scaled: name, group, n values without gaps."""
    band = np.searchsorted(first_ages, days.trial_days, side="right")
    for number, age in enumerate(first_ages, 1):
        yield f"age.{age}", "age", (band == number).astype(float)
    for source in sources:
        yield f"entry_source.{source}", "entry_source", (days.entry_sources == source).astype(float)
    for measure in OF_PERSON:
        yield from _measured(measure, measure, days.measures[measure])
    for feature in features:
        for measure in OF_FEATURE:
            name = f"{feature}.{measure}"
            yield from _measured(name, feature, days.measures[name])


def _measured(name: str, group: str, values: Floats) -> Iterator[tuple[str, str, Floats]]:
    """A measure, and a column that says where it is missing."""
    gaps = np.isnan(values)
    filled = np.where(gaps, 0.0, values)
    yield name, group, np.log1p(filled) if name.rpartition(".")[2] in COUNTS else filled
    yield f"{name}.missing", group, gaps.astype(float)
