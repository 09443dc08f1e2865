"""What is wrong with a conversion question even if each of its keys is valid."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from conversion.questions import SECONDS, Question
from transformation.definition_rules import BUILT_IN, judge_conditions, what_to_send
from transformation.event_definitions import Event
from transformation.yaml_files import Place


def judge(question: Question) -> Iterator[tuple[Place, str]]:
    """The mistakes of one question, each with its place and what to write instead."""
    if question.ages.first > question.ages.last:
        yield ("ages",), f"ages go up; write {{from: {question.ages.last}, to: …}}"
    length = question.trial_days * SECONDS["days"] // question.ages.seconds
    if question.ages.last >= length:
        yield (
            ("ages", "to"),
            f"nobody is at risk at the age of {question.ages.last} {question.ages.unit} in a trial "
            f"of {length}; write at most {length - 1}",
        )
    for place, event in question.events():
        if (event.property_name is None) != (event.property_value is None):
            yield place, "half a condition is none; write both property and value, or neither"
        for text in judge_conditions(event.meant):
            yield place, text
    end = question.end or []
    conversion = question.conversion_events
    if not question.is_repeat:
        place = ("conversion",) if question.absence_days is None else ("conversion", "without")
        yield from _shared(place, conversion, question.start, "the start")
    yield from _shared(("end",), end, question.start, "the start")
    yield from _shared(("end",), end, conversion, "the conversion")
    names: set[str] = set()
    for number, feature in enumerate(question.features):
        yield from _shared(
            ("features", number, "event"),
            feature.event,
            conversion,
            "the conversion, which it would predict",
        )
        if feature.name in names:
            yield (
                ("features", number, "name"),
                f"a feature {feature.name} stands above already; write another name",
            )
        names.add(feature.name)


def judge_names(questions: Sequence[tuple[int, Question]]) -> Iterator[tuple[Place, str]]:
    """Questions that have the name of an earlier one."""
    names: set[str] = set()
    for number, question in questions:
        if question.name in names:
            yield (
                ("questions", number, "name"),
                f"a question {question.name} stands above already; write another name",
            )
        names.add(question.name)


def judge_events(question: Question, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Events that are neither planned nor sent."""
    for place, event in question.events():
        name = event.meant.event_name
        if name is not None and name not in known and name not in BUILT_IN:
            yield place, what_to_send(name, known)


def _shared(
    place: Place, events: Sequence[Event], others: Sequence[Event], what: str
) -> Iterator[tuple[Place, str]]:
    """Events that could also match one of the others."""
    for number, event in enumerate(events):
        if any(map(event.may_be, others)):
            yield (
                (*place, number),
                f"{'any event' if event.meant.event_name is None else event.event} may be {what}; "
                "write another event, or a property and value that part them",
            )
