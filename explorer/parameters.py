"""The parameters of a page, which are all in its URL, so that a link shows the same picture.

A value that cannot be meant is left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal
from urllib.parse import urlencode

Kind = Literal["text", "list", "numbers", "choice", "date", "whole"]
#: Characters of one value: a step of a funnel with its conditions is much shorter.
MAX_LENGTH: Final = 1_000
#: Values of one list, such as the steps of a funnel.
MAX_VALUES: Final = 30


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name in the URL, and how a person gives it.

    ``suggested`` names a list that the page offers while typing: events, dimensions, cohorts or
    sources.
    """

    name: str
    label: str
    kind: Kind = "text"
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    least: int = 1
    most: int = 366
    suggested: str = ""
    hint: str = ""


@dataclass
class Values:
    """What a URL says about the parameters of a page, and what of it makes no sense."""

    parameters: Sequence[Parameter]
    given: Mapping[str, list[str]]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A text, or the default."""
        return (self.given.get(name) or [self._parameter(name).default])[0]

    def texts(self, name: str) -> list[str]:
        """All values of a list, in order."""
        return list(self.given.get(name, []))

    def numbers(self, name: str) -> list[int]:
        """All values of a list of whole numbers."""
        return [int(each) for each in self.texts(name)]

    def optional(self, name: str) -> str | None:
        """A text, or None where it is empty."""
        return self.text(name) or None

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self.text(name))

    def day(self, name: str) -> date | None:
        """A day, if one is given."""
        given = self.text(name)
        return date.fromisoformat(given) if given else None

    def _parameter(self, name: str) -> Parameter:
        return next(each for each in self.parameters if each.name == name)

    def query(self, **changes: str | Sequence[str] | None) -> str:
        """The query of the URL with these changes; None takes a parameter out."""
        after: dict[str, str | Sequence[str]] = {**self.given}
        for name, value in changes.items():
            if value is None:
                after.pop(name, None)
            else:
                after[name] = value
        return urlencode(after, doseq=True)

    def query_with(self, name: str, value: str) -> str:
        """The query of the URL with one more value of a list."""
        return self.query(**{name: [*(each for each in self.texts(name) if each != value), value]})

    def query_without(self, name: str, value: str) -> str:
        """The query of the URL without one value of a list."""
        return self.query(**{name: [each for each in self.texts(name) if each != value]})


def read(parameters: Sequence[Parameter], query: Iterable[tuple[str, str]]) -> Values:
    """The parameters of a page from the pairs of a query. It never raises."""
    known = {each.name: each for each in parameters}
    given: dict[str, list[str]] = {}
    values = Values(parameters, given)
    for name, raw in query:
        value = raw.strip()
        if not value:
            continue
        if name not in known:
            values.problems.append(f"This page has no parameter {name!r}: it is left out.")
        elif problem := _problem(known[name], value, given.get(name, [])):
            values.problems.append(f"{known[name].label}: {problem}, so it is left out.")
        else:
            given.setdefault(name, []).append(value)
    since, until = given.get("since"), given.get("until")
    if since and until and since > until:
        values.problems.append("From is after To: both are left out.")
        del given["since"], given["until"]
    return values


def _problem(parameter: Parameter, value: str, before: list[str]) -> str:
    """Why a value cannot be meant; empty if it can."""
    if "\0" in value:
        return "a value has a character that is none"
    if len(value) > MAX_LENGTH:
        return f"a value has more than {MAX_LENGTH:,} characters"
    if parameter.kind in ("list", "numbers") and len(before) >= MAX_VALUES:
        return f"there are more than {MAX_VALUES} values"
    if parameter.kind == "list":
        return ""
    if before and parameter.kind != "numbers":
        return "it is given twice, and the second one does not count"
    if parameter.kind == "choice":
        options = [option for option, _ in parameter.choices]
        if value not in options:
            return f"{value!r} is none of {', '.join(filter(None, options))}"
    if parameter.kind in ("whole", "numbers") and not (
        value.isascii() and value.isdigit() and parameter.least <= int(value) <= parameter.most
    ):
        return f"{value!r} is no whole number from {parameter.least} to {parameter.most}"
    if parameter.kind == "date" and not _is_day(value):
        return f"{value!r} is no day such as 2026-11-29"
    return ""


def _is_day(value: str) -> bool:
    try:
        return len(value) == 10 and date.fromisoformat(value).year >= 1970
    except ValueError:
        return False


SINCE: Final = Parameter("since", "From", "date")
UNTIL: Final = Parameter("until", "To", "date")
DAYS: Final = Parameter(
    "days",
    "Days",
    "whole",
    "28",
    most=3_660,
    hint="the last days of the data, unless From or To says otherwise",
)
SOURCE: Final = Parameter("source", "Source", suggested="sources")
BY: Final = Parameter(
    "by",
    "Break down by",
    suggested="dimensions",
    hint="a dimension such as country, or property.plan",
)
FILTERS: Final = Parameter(
    "filter",
    "Filters",
    "list",
    suggested="filters",
    hint="a condition such as country=AT or property.seats>=5; all must hold",
)
RANGE: Final = (DAYS, SINCE, UNTIL)


def span(values: Values, last_day: date) -> tuple[date, date]:
    """The first and last day that a page asks about, both included."""
    until = values.day("until") or last_day
    since = values.day("since") or until - timedelta(days=values.whole("days") - 1)
    return min(since, until), until
