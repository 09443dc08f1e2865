"""What a page is, and pieces that several pages need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from explorer.charts import Note
from explorer.panels import Panel
from explorer.parameters import BY, FILTERS, RANGE, SOURCE, Parameter, Values
from footfall.ask import Value


@dataclass(frozen=True)
class Context:
    """What a page knows beside its parameters.

    The days are the first and the last with data, in the reporting time zone, and ``notes`` are a
    team's.
    """

    first_day: date
    last_day: date
    notes: Sequence[Note] = ()


@dataclass(frozen=True)
class Page:
    """A page: its address, the question it answers, its parameters and its panels.

    ``incomplete`` says what is missing where the parameters ask nothing yet.
    """

    name: str
    title: str
    question: str
    parameters: tuple[Parameter, ...]
    panels: Callable[[Values, Context], list[Panel]]
    incomplete: str = ""


#: Parameters of all pages that ask table macros.
COMMON = (*RANGE, SOURCE, BY, FILTERS)
#: Who is counted, on pages whose macros can count accounts.
ACTOR = Parameter(
    "actor", "Who", "choice", "person", (("person", "people"), ("account", "accounts"))
)
PERIODS = (("day", "day"), ("week", "week"), ("month", "month"))
PERIOD = Parameter("period", "Period", "choice", "day", (("hour", "hour"), *PERIODS))


def actor(values: Values) -> dict[str, Value]:
    """Who is counted as a parameter of a table macro, and nothing for persons."""
    return {"actor": "account"} if values.text("actor") == "account" else {}


def in_words(values: Values, text: str) -> str:
    """The text with accounts in place of persons, where accounts are counted."""
    if not actor(values):
        return text
    return text.replace("person", "account").replace("Person", "Account")


def asked(values: Values) -> dict[str, Value]:
    """The source, breakdown and filters as parameters of a table macro."""
    return {
        "source": values.optional("source"),
        "by": values.optional("by"),
        "filters": values.texts("filter") or None,
    }
