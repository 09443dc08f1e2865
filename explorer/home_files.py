"""Lists that a team writes down in a file of the home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def written(path: Path) -> tuple[list[Any], list[str]]:
    """What the list in a YAML file holds, and why it cannot be read. A missing file holds nothing.

    One thing that is in no list is a list of one.
    """
    try:
        found = yaml.safe_load(path.read_text()) if path.exists() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [], [f"{path} cannot be read: {first_line(error)}"]
    if found is None:
        return [], []
    return (found if isinstance(found, list) else [found]), []


def first_line(error: Exception) -> str:
    """What an error says, without the lines that point into a file."""
    return str(error).partition("\n")[0]
