"""What a team writes down in YAML files of the home, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError


def content(path: Path) -> tuple[Any, list[str]]:
    """What a file holds, and why it cannot be read. A missing or empty file holds None."""
    try:
        return (yaml.safe_load(path.read_text()) if path.exists() else None), []
    # A day that no calendar has is a ValueError.
    except (OSError, ValueError, yaml.YAMLError) as error:
        return None, [f"{path} cannot be read: {first_line(error)}"]


def written(path: Path) -> tuple[list[Any], list[str]]:
    """What the list in a file holds, and why it cannot be read. A missing file holds nothing.

    One thing that is in no list is a list of one.
    """
    found, problems = content(path)
    if found is None:
        return [], problems
    return (found if isinstance(found, list) else [found]), []


def first_line(error: Exception) -> str:
    """What an error says, without the lines that point into a file."""
    return str(error).partition("\n")[0]


def first_mistake(error: ValidationError, keys: Iterable[str], wanted: str) -> str:
    """What is wrong with an entry first, in a sentence.

    ``keys`` are those that an entry may have, and ``wanted`` says what one is.
    """
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    sentences = {
        "extra_forbidden": f"{key} is none of {', '.join(keys)}",
        "missing": f"{key} is missing",
        "model_type": f"write {wanted}",
    }
    said = first["msg"].removeprefix("Value error, ")
    return sentences.get(first["type"], f"{key}: {said}" if key else said)
