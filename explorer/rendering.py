"""How answers become pages and reports: charts and templates.

Every value is a text in a template, whatever signs it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2

from explorer import charts, panels
from explorer.panels import Panel
from explorer.published import Answer

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.globals |= {
    "shown": panels.shown,
    "grid": panels.grid,
    "with_change": panels.with_change,
}


def drawn(panel: Panel, answer: Answer) -> str:
    """The chart of a panel's answer as SVG: empty where it has none."""
    chart = panel.draw(answer.dicts()) if panel.draw and answer.rows else None
    return charts.svg(chart) if chart is not None else ""


def render(template: str, **values: Any) -> str:
    """A template with these values. Without a panel, it shows none."""
    return _TEMPLATES.get_template(template).render({"panel": None} | values)
