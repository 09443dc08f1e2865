"""Each table of schema meta has one name in Python, and the columns that dbt gives it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from transformation.current import CHECKOUT, CODE
from warehouse import meta

MACROS = CHECKOUT / "dbt_project" / "macros"
NAMES = {each for each in vars(meta).values() if isinstance(each, str) and each.startswith("meta.")}


def texts_in(path: Path) -> list[str]:
    """The texts of a module, docstrings left out."""
    tree = ast.parse(path.read_text())
    described = {
        id(each.body[0].value)
        for each in ast.walk(tree)
        if isinstance(each, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(each.body[0], ast.Expr)
    }
    return [
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
        if id(each) not in described
    ]


def test_a_table_is_named_in_one_module() -> None:
    modules = [
        path for folder in (*CODE, "ingestion") for path in (CHECKOUT / folder).rglob("*.py")
    ]
    named = {
        (path.relative_to(CHECKOUT).as_posix(), name)
        for path in modules
        for text in texts_in(path)
        for name in NAMES
        if re.search(rf"\b{re.escape(name)}\b", text)
    }
    assert named == {("warehouse/meta.py", name) for name in NAMES}


def test_every_table_that_dbt_makes_has_its_name_here() -> None:
    macros = "".join(path.read_text() for path in MACROS.glob("*.sql"))
    assert set(re.findall(r"\bmeta\.[a-z_]+[a-z](?![a-z_])", macros)) <= NAMES
