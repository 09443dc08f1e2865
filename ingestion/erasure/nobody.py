"""Texts that stand for no id, as the models read them: nobody can be erased by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import yaml

#: What around an id says nothing, as in dbt_project/macros/ids.sql.
MARGIN: Final = " \t\n\r\f\xa0\"'"


def stands_for_nobody(dbt_project: Path) -> Callable[[str], bool]:
    """Whether a text is among the project's ``placeholder_ids``, or blank."""
    project = yaml.safe_load((dbt_project / "dbt_project.yml").read_text())
    texts = {str(text).lower() for text in project["vars"]["placeholder_ids"]} | {""}

    def is_nobody(text: str) -> bool:
        return text.strip(MARGIN).lower() in texts

    return is_nobody
