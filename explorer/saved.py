"""What a team writes down in files of the home: saved questions, and notes on the axis of time.

questions/*.yml     title: Purchases by country
                    page: trends
                    parameters: {event: [plan_purchased], by: country}
annotations.yml     - {day: 2026-11-02, text: New price list}
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import yaml

from explorer.charts import Note
from explorer.parameters import Parameter, Values, read
from ingestion.facts.home_files import first_line, written

#: Characters of a title; it names the file too.
MAX_TITLE: Final = 80


@dataclass(frozen=True)
class SavedQuestion:
    """A question that somebody saved, and the address that asks it."""

    title: str
    address: str


def notes(home: Path) -> tuple[list[Note], list[str]]:
    """A team's notes, and what is wrong with the file."""
    path = home / "annotations.yml"
    listed, problems = written(path)
    found: list[Note] = []
    for place, each in enumerate(listed, start=1):
        if (
            isinstance(each, dict)
            and type(each.get("day")) is date
            and isinstance(each.get("text"), str)
        ):
            found.append(Note(each["day"], each["text"]))
        else:
            problems.append(
                f"{path}: note {place} is left out; write - {{day: 2026-11-02, text: New prices}}"
            )
    return found, problems


def questions(
    home: Path, parameters: Mapping[str, Sequence[Parameter]]
) -> tuple[list[SavedQuestion], list[str]]:
    """The saved questions by title, and what is wrong with those that cannot be meant.

    ``parameters`` are those of each page.
    """
    found: list[SavedQuestion] = []
    problems: list[str] = []
    for path in sorted((home / "questions").glob("*.yml")):
        try:
            found.append(_question(yaml.safe_load(path.read_text()), parameters))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
            problems.append(f"{path} is left out: {first_line(error)}")
    return sorted(found, key=lambda each: each.title), problems


def save(home: Path, title: str, page: str, values: Values) -> None:
    """Write a question to a file of its own. Raises ValueError with what to do."""
    title = " ".join(title.split())[:MAX_TITLE]
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    if not name:
        raise ValueError("Give the question a title with letters or digits.")
    path = home / "questions" / f"{name}.yml"
    question = {"title": title, "page": page, "parameters": dict(values.given)}
    text = yaml.safe_dump(question, sort_keys=False, allow_unicode=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f".{secrets.token_hex(8)}")
        whole.write_text(text)
        try:
            # Unlike a rename, a link never replaces somebody's question.
            os.link(whole, path)
        finally:
            whole.unlink()
    except FileExistsError:
        raise ValueError(f"There is a question {path} already: choose another title.") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from None


def _question(question: Any, parameters: Mapping[str, Sequence[Parameter]]) -> SavedQuestion:
    """Raises ValueError with what to write."""
    if not isinstance(question, dict) or not {"title", "page"} <= set(question):
        raise ValueError("a question has a title, a page and parameters")
    page = question["page"]
    if page not in parameters:
        raise ValueError(f"page is one of {', '.join(parameters)}, and not {page!r}")
    given = question.get("parameters") or {}
    if not isinstance(given, dict):
        raise ValueError("parameters are names with values, as in the page's address")
    pairs = [
        (str(name), str(each))
        for name, value in given.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    if problems := read(parameters[page], pairs).problems:
        raise ValueError(" ".join(problems))
    return SavedQuestion(str(question["title"]), f"/{page}?{urlencode(pairs)}")
