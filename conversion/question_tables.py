"""The conversion questions as the models read them: three tables in the schema meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conversion.questions import Question
from transformation.event_definitions import Event
from transformation.event_grammar import written
from warehouse import meta


def question_rows(questions: Sequence[Question]) -> dict[str, list[tuple[Any, ...]]]:
    """Table → its rows."""
    return {
        meta.CONVERSION_QUESTIONS: [
            (
                each.name,
                each.description,
                each.trial_days,
                each.horizon_days,
                each.is_repeat,
                each.absence_days,
                each.ages.unit,
                each.actor,
            )
            for each in questions
        ],
        meta.CONVERSION_AGES: [
            (each.name, age, each.ages.seconds)
            for each in questions
            for age in range(each.ages.first, each.ages.last + 1)
        ],
        meta.CONVERSION_EVENTS: [
            (each.name, role, feature, written(event.meant))
            for each in questions
            for role, feature, event in _roles(each)
        ],
    }


def _roles(question: Question) -> list[tuple[str, str | None, Event]]:
    converts = "conversion" if question.absence_days is None else "absence"
    return [
        *(("start", None, event) for event in question.start),
        *((converts, None, event) for event in question.conversion_events),
        *(("end", None, event) for event in question.end or ()),
        *(
            ("feature", feature.name, event)
            for feature in question.features
            for event in feature.event
        ),
    ]
