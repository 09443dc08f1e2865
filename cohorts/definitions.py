"""What a cohort holds: conditions about a person, all of which hold at the same time."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product
from math import prod
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from transformation.event_definitions import Name, Strict, Text
from transformation.event_grammar import CONDITION, EventMeant, read_step

#: A year. What is older than this is a count over all time.
MAX_DAYS: Final = 366
MAX_TIMES: Final = 1_000_000
#: Each clause has its own row for every moment at which it changes.
MAX_CLAUSES: Final = 100


def _step(text: str) -> str:
    if not read_step(text):
        raise ValueError("not written as an event")
    return text


def _condition(text: str) -> str:
    if not re.fullmatch(CONDITION, text):
        raise ValueError("not written as a condition")
    return text


def _day(value: object) -> object:
    """A day as YAML reads it; a number or a time is none."""
    if type(value) is date or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)):
        return value
    raise ValueError("not written as a day")


Step = Annotated[Text, AfterValidator(_step)]
TraitCondition = Annotated[Text, AfterValidator(_condition)]
Times = Annotated[int, Field(strict=True, ge=1, le=MAX_TIMES)]
Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]


class FirstSeen(Strict):
    """The days, both included, on which a person was first seen."""

    since: Day | None = Field(None, description="The first day, in the reporting time zone.")
    until: Day | None = Field(None, description="The last day.")


class Condition(Strict):
    """One thing that is true of a person: one of did, did_not, first_seen, trait and so on."""

    did: Step | None = Field(None, description="Did this event …")
    did_not: Step | None = Field(None, description="Did not do this event …")
    at_least: Times | None = Field(None, description="… so many times or more (did) …")
    at_most: Times | None = Field(None, description="… so many times or fewer (did) …")
    within_days: Days | None = Field(
        None, description="… in so many days of 24 hours before; without it, ever before."
    )
    first_seen: FirstSeen | None = Field(None, description="Was first seen on these days.")
    trait: TraitCondition | None = Field(
        None, description="Has a trait by then, such as plan=annual, seats>=5 or plan in (a, b)."
    )
    account_trait: TraitCondition | None = Field(
        None, description="Belongs to an account with such a trait by then."
    )
    member_of: Name | None = Field(None, description="Is a member of this other cohort.")
    not_member_of: Name | None = Field(None, description="Is no member of this other cohort.")

    @property
    def meant(self) -> list[EventMeant]:
        """The alternatives of the event that is counted; none of another condition."""
        return read_step(self.did or self.did_not or "")

    @property
    def other(self) -> str | None:
        """The cohort that the person must or must not be a member of."""
        return self.member_of or self.not_member_of

    @property
    def limits(self) -> tuple[int, int | None]:
        """How often the event must and may have happened; no upper limit is None."""
        if self.did_not:
            return 0, 0
        return self.at_least or (0 if self.at_most else 1), self.at_most


class Cohort(Strict):
    """Persons of whom all conditions hold, from when to when."""

    name: Name = Field(description="What answers call it.")
    description: Text = Field(description="Who they are, in a sentence.")
    conditions: list[Condition] = Field(
        min_length=1, max_length=20, description="What must hold, all at the same time."
    )


class CohortFile(Strict):
    """The cohorts of a site, side by side."""

    cohorts: list[Cohort] = Field(description="One entry a cohort.")


@dataclass(frozen=True)
class Literal:
    """A condition about the person alone, or the opposite of one."""

    condition: Condition
    is_negated: bool = False


#: Of these at least one holds.
Clause = list[Literal]


class TooManyClauses(ValueError):
    """A cohort that is not a member of cohorts that are not members of others, and so on."""


def clauses(cohort: Cohort, cohorts: Mapping[str, Cohort]) -> list[Clause]:
    """A cohort in conjunctive normal form, with the cohorts that it names written in their place.

    ``cohorts`` are all of them by name, and none leads back to itself. Raises TooManyClauses.
    """
    found: list[Clause] = []
    for each in cohort.conditions:
        if each.member_of:
            others = clauses(cohorts[each.member_of], cohorts)
        elif each.not_member_of:
            others = _negated(clauses(cohorts[each.not_member_of], cohorts))
        else:
            others = [[Literal(each)]]
        found += [other for other in others if other not in found]
    return found


def _negated(all_of: list[Clause]) -> list[Clause]:
    """The opposite: of some clause no literal holds, whichever literal one takes of each clause."""
    if prod(map(len, all_of)) > MAX_CLAUSES:
        raise TooManyClauses
    found: list[Clause] = []
    for literals in product(*all_of):
        clause: Clause = []
        for literal in literals:
            opposite = Literal(literal.condition, not literal.is_negated)
            if opposite not in clause:
                clause.append(opposite)
        if clause not in found:
            found.append(clause)
    return found


def schema() -> str:
    """The JSON schema of the file, for editors."""
    return json.dumps(CohortFile.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
