"""The figures that a team watches: those of its weekly digest, and those with bounds.

watched_figures.yml     - title: Sign-ups
                          question: trend
                          parameters: {event: sign_up, filters: [country=AT]}
                          column: persons
                          weekly: true
                          at_least: 20
                          as_usual: true
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from explorer.panels import Kind, shown
from explorer.published import NoAnswer, Published, Query
from footfall.ask import statement
from ingestion.facts.home_files import first_mistake, written
from warehouse.weekdays import WEEKS, compare

#: What a figure asks for by itself: its days, and one row for each of them.
OURS: Final = ("by", "period", "since", "until")
#: How a column is called → what its values are.
KINDS: Final[Mapping[str, Kind]] = {"_rate": "share", "_seconds": "seconds"}
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(weeks=1)


class Watched(BaseModel, extra="forbid", frozen=True, strict=True):
    """A figure: a column of a question's answer. Bounds are inclusive, and about one day."""

    title: Annotated[str, Field(min_length=1)]
    question: Literal["lifecycle", "trend", "visits"]
    column: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    weekly: bool = False
    at_least: float | None = None
    at_most: float | None = None
    as_usual: bool = False

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most")
        if taken := [name for name in OURS if name in self.parameters]:
            raise ValueError(f"leave out {taken[0]}: a figure is asked for each day and each week")
        try:
            self.asks("day", date.min, date.min)
        except TypeError as problem:
            raise ValueError(str(problem)) from None
        return self

    def asks(self, period: str, since: date, until: date) -> str:
        """The statement of the days from ``since`` to ``until``."""
        return statement(self.question, **self.parameters, period=period, since=since, until=until)

    def shown(self, value: float | None) -> str:
        """A value of it, as people read it."""
        for ending, kind in KINDS.items():
            if self.column.endswith(ending):
                return shown(value, kind)
        return shown(value, "number")

    def values(self, query: Query, period: str, since: date, until: date) -> dict[date, Any]:
        """The figure of each period, by its first day. Raises NoAnswer."""
        answer = query.rows(self.asks(period, since, until))
        if self.column not in answer.columns:
            raise NoAnswer(
                f"{self.question} has no column {self.column}; write one of: "
                f"{', '.join(answer.columns)}"
            )
        values = {_day(row["period_start"]): row[self.column] for row in answer.dicts()}
        if any(isinstance(each, (bool, str, date)) for each in values.values()):
            raise NoAnswer(f"{self.column} of {self.question} is no number")
        return values


def _day(start: date) -> date:
    return start.date() if isinstance(start, datetime) else start


@dataclass(frozen=True)
class Judged:
    """A figure of a day, and the rule that it was held to, in words."""

    figure: Watched
    value: float | None
    rule: str
    is_within: bool


@dataclass(frozen=True)
class Week:
    """A figure of a week, and of the one before if the data holds all of it."""

    figure: Watched
    value: float | None
    before: float | None


def watched(home: Path) -> tuple[list[Watched], list[str]]:
    """The figures of the file, and what is wrong with those that are left out."""
    path = home / "watched_figures.yml"
    listed, problems = written(path)
    found: list[Watched] = []
    for place, each in enumerate(listed, start=1):
        try:
            figure = Watched.model_validate(each)
            if figure.title in (other.title for other in found):
                problems.append(f"{path}: figure {place} is left out: its title is that of another")
            else:
                found.append(figure)
        except ValidationError as error:
            name = each["title"] if isinstance(each, dict) and "title" in each else place
            reason = first_mistake(error, Watched.model_fields, "its title, question and column")
            problems.append(f"{path}: figure {name} is left out: {reason}")
    return found, problems


def judge(
    published: Published, figures: Sequence[Watched], day: date
) -> tuple[list[Judged], list[str]]:
    """The figures of a day, and what could not be asked. Raises NoAnswer."""
    judged: list[Judged] = []
    problems: list[str] = []
    for figure, query in _each(published, figures):
        try:
            # A day more than is compared: the first day of a figure is no whole one.
            values = figure.values(query, "day", day - WEEKS * WEEK - DAY, day)
        except NoAnswer as problem:
            problems.append(f"{figure.title}: {problem}")
            continue
        if figure.as_usual and not all(isinstance(each, int) for each in values.values() if each):
            problems.append(
                f"{figure.title}: as_usual is for what is counted, which {figure.column} is not: "
                "write at_least or at_most"
            )
            figure = figure.model_copy(update={"as_usual": False})
        judged.append(_judged(figure, day, values))
    return judged, problems


def weeks(
    published: Published, figures: Sequence[Watched], monday: date
) -> tuple[list[Week], list[str]]:
    """The figures of the week from ``monday``, and what could not be asked. Raises NoAnswer."""
    first_day = published.edge().first_day
    is_before_whole = first_day is not None and first_day <= monday - WEEK
    found: list[Week] = []
    problems: list[str] = []
    for figure, query in _each(published, [each for each in figures if each.weekly]):
        try:
            values = figure.values(query, "week", monday - WEEK, monday + 6 * DAY)
        except NoAnswer as problem:
            problems.append(f"{figure.title}: {problem}")
        else:
            before = values.get(monday - WEEK) if is_before_whole else None
            found.append(Week(figure, values.get(monday), before))
    return found, problems


def _each(published: Published, figures: Sequence[Watched]) -> Iterator[tuple[Watched, Query]]:
    for figure in figures:
        with published.query() as query:
            yield figure, query


def _judged(figure: Watched, day: date, values: Mapping[date, Any]) -> Judged:
    value = values.get(day)
    # Where nothing was counted, a median or a rate has no value.
    rules: list[tuple[str, bool]] = []
    if figure.at_least is not None:
        is_kept = value is not None and value >= figure.at_least
        rules.append((f"at least {figure.shown(figure.at_least)}", is_kept))
    if figure.at_most is not None:
        is_kept = value is None or value <= figure.at_most
        rules.append((f"at most {figure.shown(figure.at_most)}", is_kept))
    if figure.as_usual:
        rules.append(_usual(day, values))
    return Judged(
        figure,
        value,
        "; ".join(rule for rule, _ in rules),
        all(is_kept for _, is_kept in rules),
    )


def _usual(day: date, values: Mapping[date, Any]) -> tuple[str, bool]:
    counts = {at: value for at, value in values.items() if value}
    expected = compare(day, counts, min(counts, default=day))
    if expected.at_least is None:
        return f"as usual for a {day:%A}: not known, {expected.reason}", True
    return (
        f"{expected.at_least:,} to {expected.at_most:,} as usual for a {day:%A}: "
        f"half to double of {expected.expected:,g}, the {expected.reason}, or within chance",
        expected.is_usual,
    )
