"""dbt's lineage ends at what people see: an exposure names every model that it reads."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import yaml

from explorer.pages import PAGES
from explorer.pages.page import Context
from explorer.panels import Panel
from explorer.parameters import read
from explorer.published import Edge
from explorer.report import report_panels
from publishing.questions import macros, tables_of

EXPOSURES = Path(__file__).parents[2] / "dbt_project" / "marts" / "_marts__exposures.yml"
DAY = date(2026, 3, 20)
#: Without comments: these give examples of other macros.
MACROS = {name: re.sub(r"--.*", "", text) for name, text in macros().items()}


def read_by(panels: list[Panel]) -> set[str]:
    """The marts of statements, and of the macros that they call."""
    found: set[str] = set()
    texts = [panel.statement for panel in panels]
    asked: set[str] = set()
    while texts:
        text = texts.pop()
        found |= tables_of(text)
        called = {name for name in MACROS if re.search(rf"\b{name}\(", text)} - asked
        asked |= called
        texts += [MACROS[name] for name in called]
    return {name.removeprefix("marts.") for name in found if name.startswith("marts.")}


def exposed(name: str) -> set[str]:
    """The models that an exposure names."""
    (found,) = [
        each for each in yaml.safe_load(EXPOSURES.read_text())["exposures"] if each["name"] == name
    ]
    return {reference.split("'")[1] for reference in found["depends_on"]}


def test_the_exposure_of_the_explorer_names_what_its_pages_read() -> None:
    queries = {"funnels": [("step", "a"), ("step", "b")], "people": [("person", "u1")]}
    panels = [
        panel
        for page in PAGES.values()
        for query in ([], queries.get(page.name, []))
        for panel in page.panels(read(page.parameters, query), Context(date(2026, 3, 1), DAY))
    ]
    # What the pages show of conversion, restatements and the ledger is written outside of dbt.
    assert exposed("explorer") == read_by(panels) & models()


def test_the_exposure_of_the_report_names_what_it_reads() -> None:
    edge = Edge("1", datetime(2026, 3, 21), None, date(2026, 3, 1), DAY)
    assert exposed("daily_report") == read_by(report_panels(edge, DAY)) & models()


def models() -> set[str]:
    """The marts that dbt builds."""
    return {path.stem for path in EXPOSURES.parent.rglob("*.sql")}
