"""What is wrong with a conversion question even if each of its keys is valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conversion.questions import SECONDS, Question
from transformation.definition_rules import judge_conditions
from transformation.event_definitions import Event
from transformation.yaml_files import Place, repeated_names


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
    for number, feature in enumerate(question.features):
        yield from _shared(
            ("features", number, "event"),
            feature.event,
            conversion,
            "the conversion, which it would predict",
        )
    features = enumerate(question.features)
    named = ((("features", number), feature.name) for number, feature in features)
    yield from repeated_names(named, "a feature")


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
