"""Reads the file of cohorts and lists every mistake in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel

from cohorts.definitions import (
    MAX_CLAUSES,
    MAX_DAYS,
    MAX_TIMES,
    Cohort,
    CohortFile,
    Condition,
    FirstSeen,
    TooManyClauses,
    clauses,
)
from transformation.definition_rules import BUILT_IN, doubts, judge_conditions, what_to_send
from transformation.event_grammar import ACCOUNT_TRAIT, TRAIT
from transformation.seed_files import Mistake
from transformation.yaml_files import Place, YamlFile, read_yaml, repeated_names

_MODELS: Final[tuple[type[BaseModel], ...]] = (CohortFile, Cohort, Condition, FirstSeen)
_A_NAME: Final = "write a name of small letters, digits and _, a letter first"
_AN_EVENT: Final = "write the name of an event, or 'event|other_event[property=value]'"
_TIMES: Final = f"write a whole number from 1 to {MAX_TIMES}"
_A_DAY: Final = "write a day as 2026-03-01"
#: The keys of which a condition has one.
_KINDS: Final = (
    *("did", "did_not", "first_seen", "trait", "account_trait", "member_of", "not_member_of"),
)
#: Those that name another cohort.
_MEMBERS: Final = ("member_of", "not_member_of")
#: Key → what to write there.
_WANTED: Final = {
    "cohorts": "write cohorts: and below it one entry a cohort, each with a - before it",
    "name": _A_NAME,
    "description": "write who they are, in a sentence",
    "conditions": "write 1 to 20 conditions, each as - {did: event, at_least: 3, within_days: 7}",
    **dict.fromkeys(("did", "did_not"), _AN_EVENT),
    "at_least": _TIMES,
    "at_most": f"{_TIMES}, and did_not for none",
    "within_days": f"write a whole number of days from 1 to {MAX_DAYS}, or leave it out",
    "first_seen": "write the days as {since: 2026-03-01, until: 2026-03-31}, or one of the two",
    **dict.fromkeys(("since", "until"), _A_DAY),
    **dict.fromkeys(
        ("trait", "account_trait"),
        "write a condition about a trait, as 'plan=annual', 'seats>=5' or 'plan in (a, b)'",
    ),
    **dict.fromkeys(_MEMBERS, "write the name of another cohort"),
}


@dataclass(frozen=True)
class Read:
    """The cohorts that can be read, each with its number, and every mistake.

    ``outdated`` lists what may not be what the author meant. These are not mistakes.
    """

    cohorts: Sequence[tuple[int, Cohort]] = ()
    mistakes: Sequence[Mistake] = ()
    outdated: Sequence[Mistake] = ()
    file: YamlFile = field(default_factory=YamlFile, repr=False)

    @property
    def event_names(self) -> set[str]:
        """The names of all events that are counted."""
        return {name for _, _, name in _named(self.cohorts)}

    def unknown_events(self, known: Collection[str]) -> list[Mistake]:
        """A mistake for each event that is not among the known ones."""
        return [
            Mistake(self.file.line(place), what_to_send(name, known))
            for place, _, name in _named(self.cohorts)
            if name not in known and name not in BUILT_IN
        ]


def read_cohorts(content: bytes) -> Read:
    """The cohorts of a file and its mistakes. An empty file has no cohorts."""
    file, mistakes = read_yaml(content)
    if file.root is None:
        return Read(mistakes=mistakes)
    mistakes += file.invalid(CohortFile, _WANTED, _MODELS)
    cohorts = file.valid("cohorts", Cohort)
    judged = [
        (("cohorts", number, "conditions", place, *key), text)
        for number, cohort in cohorts
        for place, condition in enumerate(cohort.conditions)
        for key, text in _judge(condition)
    ]
    named = ((("cohorts", number), cohort.name) for number, cohort in cohorts)
    judged += repeated_names(named, "a cohort")
    judged += _judge_members(
        cohorts,
        {str(entry.get("name")) for entry in file.listed("cohorts") if isinstance(entry, dict)},
    )
    if not mistakes and not judged:
        judged += _judge_sizes(cohorts)
    mistakes += [Mistake(file.line(place), text) for place, text in judged]
    doubtful = [
        Mistake(file.line(("cohorts", number, "conditions", place)), text)
        for number, cohort in cohorts
        for place, condition in enumerate(cohort.conditions)
        for meant in condition.meant
        for text in doubts(meant)
    ]
    return Read(cohorts, mistakes, doubtful, file)


def _named(cohorts: Sequence[tuple[int, Cohort]]) -> Iterator[tuple[Place, Condition, str]]:
    for number, cohort in cohorts:
        for place, condition in enumerate(cohort.conditions):
            key = "did" if condition.did else "did_not"
            for meant in condition.meant:
                if meant.event_name is not None:
                    path: Place = ("cohorts", number, "conditions", place, key)
                    yield path, condition, meant.event_name


def _judge(condition: Condition) -> Iterator[tuple[Place, str]]:
    """The mistakes of one condition, each with its key and what to write instead."""
    kinds = [key for key in _KINDS if getattr(condition, key) is not None]
    if len(kinds) != 1:
        told = f"{' and '.join(kinds)} are {len(kinds)} conditions" if kinds else "nothing is asked"
        yield (), f"{told}; write one of {', '.join(_KINDS)}, each with a - of its own"
        return
    (kind,) = kinds
    for key, others in (
        ("at_least", ("did",)),
        ("at_most", ("did",)),
        ("within_days", ("did", "did_not")),
    ):
        if getattr(condition, key) is not None and kind not in others:
            yield (key,), f"{key} says how often somebody did an event; remove it from {kind}"
    least, most = condition.at_least, condition.at_most
    if least and most and least > most:
        yield ("at_most",), f"nobody did it {least} times and at most {most}; write at_most {least}"
    for meant in condition.meant:
        for text in judge_conditions(meant):
            yield (kind,), text
    for key, before in (("trait", TRAIT), ("account_trait", ACCOUNT_TRAIT)):
        if (getattr(condition, key) or "").lstrip().startswith(before):
            yield (key,), f"{key} names the trait alone; remove {before} before it"
    seen = condition.first_seen
    if seen and seen.since is None and seen.until is None:
        yield ("first_seen",), f"first_seen names no day; {_WANTED['first_seen']}"
    if seen and seen.since and seen.until and seen.since > seen.until:
        yield ("first_seen",), f"no day is between {seen.since} and {seen.until}; exchange the two"


def _judge_members(
    cohorts: Sequence[tuple[int, Cohort]], names: Collection[object]
) -> Iterator[tuple[Place, str]]:
    """Cohorts that are a part of themselves or of one that is not there."""
    others = {
        cohort.name: [each.other for each in cohort.conditions if each.other]
        for _, cohort in cohorts
    }
    for number, cohort in cohorts:
        for place, condition in enumerate(cohort.conditions):
            other = condition.other
            key = "member_of" if condition.member_of else "not_member_of"
            path = ("cohorts", number, "conditions", place, key)
            if other is None:
                continue
            if other not in names:
                known = ", ".join(sorted({each.name for _, each in cohorts} - {cohort.name}))
                yield (
                    path,
                    f"there is no cohort {other}; write one of: {known or 'none is defined'}",
                )
            elif circle := _way(other, cohort.name, others):
                way = " → ".join([cohort.name, *circle])
                yield path, f"{way} leads back to itself; remove one of these"


def _judge_sizes(cohorts: Sequence[tuple[int, Cohort]]) -> Iterator[tuple[Place, str]]:
    """Cohorts that leave out those who leave out others, until nobody can count the ways."""
    by_name = {cohort.name: cohort for _, cohort in cohorts}
    for number, cohort in cohorts:
        try:
            clauses(cohort, by_name)
        except TooManyClauses:
            yield (
                ("cohorts", number),
                f"{cohort.name} is more than {MAX_CLAUSES} combinations of conditions, because "
                "not_member_of names a cohort with not_member_of; write fewer conditions in these",
            )


def _way(start: str, goal: str, others: Mapping[str, Sequence[str]]) -> list[str]:
    """Cohorts from one to another that each names, both included; none if there is no way."""
    ways = [[start]]
    seen = {start}
    for way in ways:
        if way[-1] == goal:
            return way
        further = [each for each in others.get(way[-1], ()) if each not in seen]
        seen.update(further)
        ways += [[*way, each] for each in further]
    return []
