"""Reads the file of conversion questions and lists every mistake in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml
from pydantic import BaseModel

from conversion.question_rules import judge
from conversion.questions import (
    MAX_DAYS,
    MAX_FEATURES,
    Absence,
    Ages,
    Feature,
    Question,
    QuestionFile,
)
from transformation.definition_rules import doubts
from transformation.event_definitions import Event, unknown_events
from transformation.event_grammar import written
from transformation.seed_files import Mistake
from transformation.yaml_files import YamlFile, read_yaml, repeated_names

_MODELS: Final[tuple[type[BaseModel], ...]] = (
    QuestionFile,
    Question,
    Absence,
    Ages,
    Feature,
    Event,
)
_A_NAME: Final = "write a name of small letters, digits and _, a letter first"
_DAYS: Final = f"write a whole number of days from 1 to {MAX_DAYS}"
_AN_EVENT: Final = "write the name of an event, 'name[property=value]', or a list of these"
#: Key → what to write there.
_WANTED: Final = {
    "questions": "write questions: and below it one entry a question, each with a - before it",
    "name": _A_NAME,
    "description": "write what is asked, in a sentence",
    **dict.fromkeys(("start", "end", "event", "without"), _AN_EVENT),
    "conversion": f"{_AN_EVENT}, or {{without: event, within_days: 30}}",
    **dict.fromkeys(("property", "value"), "write a text without blanks around it"),
    **dict.fromkeys(("trial_days", "horizon_days", "within_days"), _DAYS),
    **dict.fromkeys(("from", "to"), f"write a whole number from 1 to {MAX_DAYS}"),
    "actor": "write person or account",
    "unit": "write days, hours or minutes",
    "ages": "write the ages in days as {from: 1, to: 13}, or with unit: hours",
    "features": f"write 1 to {MAX_FEATURES} features, each as - {{name: …, event: …}}",
}


@dataclass(frozen=True)
class Asked:
    """The questions that can be read, each with its number, and every mistake.

    ``outdated`` lists what is written in an older way, and what to write instead. These are not
    mistakes.
    """

    questions: Sequence[tuple[int, Question]] = ()
    mistakes: Sequence[Mistake] = ()
    outdated: Sequence[Mistake] = ()
    file: YamlFile = field(default_factory=YamlFile, repr=False)

    @property
    def event_names(self) -> set[str]:
        """The names of all events that are asked about."""
        named = (event.meant for _, each in self.questions for _, event in each.events())
        return {meant.event_name for meant in named if meant.event_name is not None}

    def unknown_events(self, known: set[str]) -> list[Mistake]:
        """A mistake for each event that is not among the known ones."""
        return [
            Mistake(self.file.line(("questions", number, *place)), text)
            for number, question in self.questions
            for place, text in unknown_events(question.events(), known)
        ]


def read_questions(content: bytes) -> Asked:
    """The questions of a file and its mistakes. An empty file has no questions."""
    file, mistakes = read_yaml(content)
    if file.root is None:
        return Asked(mistakes=mistakes)
    mistakes += file.invalid(QuestionFile, _WANTED, _MODELS)
    questions = file.valid("questions", Question)
    judged = [
        (("questions", number, *place), text)
        for number, question in questions
        for place, text in judge(question)
    ]
    named = ((("questions", number), question.name) for number, question in questions)
    judged += repeated_names(named, "a question")
    mistakes += [Mistake(file.line(place), text) for place, text in judged]
    return Asked(questions, mistakes, list(_outdated(file, questions)), file)


def _outdated(file: YamlFile, questions: Sequence[tuple[int, Question]]) -> Iterator[Mistake]:
    """Events whose condition has keys of its own, or may not be what the author meant."""
    for number, question in questions:
        for place, event in question.events():
            node, line = file.found(("questions", number, *place))
            if isinstance(node, yaml.MappingNode) and event.property_name is not None:
                text = written(event.meant).replace("'", "''")
                yield Mistake(
                    line,
                    "the keys property and value are an older way to write a condition; write the "
                    f"event as '{text}'",
                )
            for text in doubts(event.meant):
                yield Mistake(line, text)
