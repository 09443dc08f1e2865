"""What a conversion question may not ask, though every key of it is well written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from orchestration.conversion.questions import Question
from orchestration.seeds_judged import BUILT_IN, what_to_send

Place = tuple[str | int, ...]


def judge(question: Question) -> Iterator[tuple[Place, str]]:
    """What one question cannot mean, and what to write, each with its place in the question."""
    if question.ages.first > question.ages.last:
        yield ("ages",), f"ages go up; write {{from: {question.ages.last}, to: …}}"
    if question.ages.last >= question.trial_days:
        yield (
            ("ages", "to"),
            f"nobody is at risk at the age of {question.ages.last} days in a trial of "
            f"{question.trial_days}; write at most {question.trial_days - 1}",
        )
    for place, event in question.events():
        if (event.property_name is None) != (event.property_value is None):
            yield place, "half a condition is none; write both property and value, or neither"
    if question.conversion.may_be(question.start):
        yield ("conversion",), _is_also(question.conversion.event, "the start")
    if question.end and question.end.may_be(question.start):
        yield ("end",), _is_also(question.end.event, "the start")
    if question.end and question.end.may_be(question.conversion):
        yield ("end",), _is_also(question.end.event, "the conversion")
    names: set[str] = set()
    for number, feature in enumerate(question.features):
        if feature.event.may_be(question.conversion):
            yield (
                ("features", number, "event"),
                _is_also(feature.event.event, "the conversion, which it would foretell"),
            )
        if feature.name in names:
            yield (
                ("features", number, "name"),
                f"a feature {feature.name} stands above already; write another name",
            )
        names.add(feature.name)


def judge_names(questions: Sequence[tuple[int, Question]]) -> Iterator[tuple[Place, str]]:
    """Questions that are called like one above."""
    names: set[str] = set()
    for number, question in questions:
        if question.name in names:
            yield (
                ("questions", number, "name"),
                f"a question {question.name} stands above already; write another name",
            )
        names.add(question.name)


def judge_events(question: Question, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Events that nobody planned and nobody has sent."""
    for place, event in question.events():
        if event.event not in known and event.event not in BUILT_IN:
            yield place, what_to_send(event.event, known)


def _is_also(event: str, what: str) -> str:
    return f"{event} may be {what}; write another event, or a property and value that part them"
