"""Reads the file of conversion questions and lists every mistake in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conversion.question_rules import Place, judge, judge_events, judge_names
from conversion.questions import (
    MAX_DAYS,
    MAX_FEATURES,
    Ages,
    Feature,
    Question,
    QuestionFile,
)
from transformation.definition_rules import doubts
from transformation.event_definitions import Event
from transformation.event_grammar import read_step, written
from transformation.seed_files import Mistake

_MODELS: Final[tuple[type[BaseModel], ...]] = (QuestionFile, Question, Ages, Feature, Event)
_KEYS: Final = sorted(
    {each.alias or name for model in _MODELS for name, each in model.model_fields.items()}
)
_A_NAME: Final = "write a name of small letters, digits and _, a letter first"
_DAYS: Final = f"write a whole number of days from 1 to {MAX_DAYS}"
_AN_EVENT: Final = "write the name of an event, 'name[property=value]', or a list of these"
#: Key → what to write there.
_WANTED: Final = {
    "questions": "write questions: and below it one entry a question, each with a - before it",
    "name": _A_NAME,
    "description": "write what is asked, in a sentence",
    **dict.fromkeys(("start", "conversion", "end", "event"), _AN_EVENT),
    **dict.fromkeys(("property", "value"), "write a text without blanks around it"),
    **dict.fromkeys(("trial_days", "horizon_days", "from", "to"), _DAYS),
    "ages": "write the ages in days as {from: 1, to: 13}",
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
    root: yaml.Node | None = field(default=None, repr=False)

    @property
    def event_names(self) -> set[str]:
        """The names of all events that are asked about."""
        named = (event.meant for _, each in self.questions for _, event in each.events())
        return {meant.event_name for meant in named if meant.event_name is not None}

    def unknown_events(self, known: set[str]) -> list[Mistake]:
        """A mistake for each event that is not among the known ones."""
        return [
            Mistake(_line(self.root, ("questions", number, *place)), text)
            for number, question in self.questions
            for place, text in judge_events(question, known)
        ]


def read_questions(content: bytes) -> Asked:
    """The questions of a file and its mistakes. An empty file has no questions."""
    try:
        text = content.decode("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        entries = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Asked(mistakes=[Mistake(line, "this is not UTF-8; save the file in UTF-8")])
    except (yaml.YAMLError, ValueError) as error:
        return Asked(mistakes=[_unreadable(error)])
    if root is None or entries is None:
        return Asked()
    mistakes = list(_repeated_keys(root))
    try:
        QuestionFile.model_validate(entries)
    except ValidationError as error:
        mistakes += [_told(root, each) for each in error.errors()]
    questions = list(_understood(entries))
    judged = [
        (("questions", number, *place), text)
        for number, question in questions
        for place, text in judge(question)
    ]
    judged += judge_names(questions)
    mistakes += [Mistake(_line(root, place), text) for place, text in judged]
    return Asked(questions, mistakes, list(_outdated(root, questions)), root)


def _outdated(root: yaml.Node, questions: Sequence[tuple[int, Question]]) -> Iterator[Mistake]:
    """Events whose condition has keys of its own, or may not be what the author meant."""
    for number, question in questions:
        for place, event in question.events():
            node, line = _found(root, ("questions", number, *place))
            if isinstance(node, yaml.MappingNode) and event.property_name is not None:
                text = written(event.meant).replace("'", "''")
                yield Mistake(
                    line,
                    "the keys property and value are an older way to write a condition; write the "
                    f"event as '{text}'",
                )
            for text in doubts(event.meant):
                yield Mistake(line, text)


def _understood(content: Any) -> Iterator[tuple[int, Question]]:
    """The valid questions. The mistakes of one must not hide those of another."""
    entries = content.get("questions") if isinstance(content, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            yield number, Question.model_validate(entry)
        except ValidationError:
            continue


def _unreadable(error: Exception) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return Mistake(mark.line + 1 if mark else 1, f"this is not YAML: {said}; mend the line")


def _told(root: yaml.Node, error: ErrorDetails) -> Mistake:
    place = error["loc"]
    key = next((str(part) for part in reversed(place) if isinstance(part, str)), "questions")
    wanted = _WANTED.get(key, "remove it")
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key.lower(), _KEYS, n=1)
        text = f"there is no key {key} here; {f'write {near[0]}, or ' if near else ''}remove it"
    elif error["type"] == "missing":
        text = f"{key} is missing; {wanted}"
    else:
        shown = error["input"]
        is_short = isinstance(shown, str | int | float) or shown is None
        text = f"{key} cannot be {shown if is_short and shown != '' else 'this'}; {wanted}"
    return Mistake(_line(root, place), text)


def _line(node: yaml.Node | None, place: Place) -> int:
    """The line of the node at a place, or of the nearest node around it if it is missing."""
    return _found(node, place)[1]


def _found(node: yaml.Node | None, place: Place) -> tuple[yaml.Node | None, int]:
    """The node at a place, or the nearest node around it if it is missing, and its line."""
    line = node.start_mark.line if node else 0
    for part in place:
        if isinstance(node, yaml.MappingNode) and isinstance(part, int):
            continue  # a single event needs no list
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == part]
            if not found:
                break
            key, node = found[-1]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = _spread(node)[part]
            line = node.start_mark.line
    return node, int(line) + 1


def _spread(node: yaml.SequenceNode) -> list[yaml.Node]:
    """The entries of a list, each repeated once per alternative."""
    return [
        entry
        for entry in node.value
        for _ in range(
            max(1, len(read_step(entry.value))) if isinstance(entry, yaml.ScalarNode) else 1
        )
    ]


def _repeated_keys(node: yaml.Node) -> Iterator[Mistake]:
    """Repeated keys: YAML uses the last one and reports nothing."""
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                line = key.start_mark.line + 1
                yield Mistake(line, f"{key.value} stands there twice; remove one of the two")
            keys.add(key.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _repeated_keys(value)
