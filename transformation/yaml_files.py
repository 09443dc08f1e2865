"""Reads the YAML files of a site's definitions and says in which line a mistake is. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from transformation.event_grammar import read_step
from transformation.seed_files import Mistake

Entry = TypeVar("Entry", bound=BaseModel)
#: Keys and numbers of list entries, from the top of a file to a node.
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlFile:
    """What a file holds, as Python values and as nodes, which know their lines.

    Both are None if the file is empty or cannot be read.
    """

    entries: Any = None
    root: yaml.Node | None = None

    def line(self, place: Place) -> int:
        """The line of the node at a place, or of the nearest node around it if it is missing."""
        return self.found(place)[1]

    def found(self, place: Place) -> tuple[yaml.Node | None, int]:
        """The node at a place, or the nearest node around it if it is missing, and its line."""
        node = self.root
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

    def invalid(
        self, model: type[BaseModel], wanted: Mapping[str, str], models: tuple[type[BaseModel], ...]
    ) -> Iterator[Mistake]:
        """What in the file is not as the model says. `models` are all whose keys the file has.

        ``wanted`` says for each key what to write there.
        """
        keys = sorted(
            {each.alias or key for one in models for key, each in one.model_fields.items()}
        )
        try:
            model.model_validate(self.entries)
        except ValidationError as error:
            for each in error.errors():
                yield Mistake(self.line(each["loc"]), _told(each, wanted, keys))

    def listed(self, key: str) -> list[Any]:
        """The entries of the list below a key of the file; none where there is no such list."""
        entries = self.entries.get(key) if isinstance(self.entries, dict) else None
        return entries if isinstance(entries, list) else []

    def valid(self, key: str, model: type[Entry]) -> list[tuple[int, Entry]]:
        """The valid entries of a list, by number. The mistakes of one must not hide another's."""
        found: list[tuple[int, Entry]] = []
        for number, entry in enumerate(self.listed(key)):
            with suppress(ValidationError):
                found.append((number, model.model_validate(entry)))
        return found


def read_yaml(content: bytes) -> tuple[YamlFile, list[Mistake]]:
    """The content of a file, and what makes it unreadable or ambiguous."""
    try:
        text = content.decode("utf-8-sig")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        entries = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return YamlFile(), [Mistake(line, "this is not UTF-8; save the file in UTF-8")]
    except (yaml.YAMLError, ValueError) as error:
        return YamlFile(), [_unreadable(error)]
    if root is None or entries is None:
        return YamlFile(), []
    return YamlFile(entries, root), list(_repeated_keys(root))


def repeated_names(named: Iterable[tuple[Place, str]], what: str) -> Iterator[tuple[Place, str]]:
    """Names that an earlier entry has, each with its place; ``what`` is such as "a metric"."""
    names: set[str] = set()
    for place, name in named:
        if name in names:
            yield (*place, "name"), f"{what} {name} stands above already; write another name"
        names.add(name)


def _unreadable(error: Exception) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return Mistake(mark.line + 1 if mark else 1, f"this is not YAML: {said}; mend the line")


def _told(error: ErrorDetails, wanted: Mapping[str, str], keys: list[str]) -> str:
    names = [part for part in reversed(error["loc"]) if isinstance(part, str)]
    key = next(iter(names), next(iter(wanted)))
    write = wanted.get(key, "remove it")
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key.lower(), keys, n=1)
        return f"there is no key {key} here; {f'write {near[0]}, or ' if near else ''}remove it"
    if error["type"] == "missing":
        return f"{key} is missing; {write}"
    shown = error["input"]
    is_short = isinstance(shown, str | int | float) or shown is None
    return f"{key} cannot be {shown if is_short and shown != '' else 'this'}; {write}"


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
