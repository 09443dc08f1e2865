"""Placeholders for missing ids, the same as in the models. Nobody can be erased by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from ingestion.facts.envelope import MARGIN


def stands_for_nobody(dbt_project: Path) -> Callable[[str], bool]:
    """A test for texts that are blank or in the project's ``placeholder_ids``."""
    project = yaml.safe_load((dbt_project / "dbt_project.yml").read_text())
    texts = {str(text).lower() for text in project["vars"]["placeholder_ids"]} | {""}

    def is_nobody(text: str) -> bool:
        return text.strip(MARGIN).lower() in texts

    return is_nobody
