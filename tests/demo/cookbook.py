"""What is expected of the cookbook: that each recipe answers, in SQL and in the explorer."""

from __future__ import annotations

from pathlib import Path

import duckdb

from demo.cookbook import COOKBOOK, answered, recipes
from tests.explorer.site import serving


def cook(home: Path) -> None:
    """Run every recipe on the published file of a demo's home."""
    found = recipes(COOKBOOK.read_text())
    assert len(found) == COOKBOOK.read_text().count("\n## ") == 36
    with (
        duckdb.connect(str(home / "published" / "footfall.duckdb"), read_only=True) as connection,
        serving(home) as site,
    ):
        for recipe in found:
            header = answered(connection, recipe.sql).splitlines()[0].split()
            # The columns as the answer in the book has them, and at least one row of it.
            assert recipe.answer.splitlines()[0].split() == header, recipe.question
            assert len(recipe.answer.splitlines()) > 2, recipe.question
            page = site.page(recipe.address)
            assert page.problems == [], recipe.question
            assert any(panel.rows or panel.figures for panel in page.panels.values()), (
                recipe.question
            )
