"""The templates of pages and reports. Every value is a text in them, whatever signs it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2

from explorer import panels

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


def render(template: str, **values: Any) -> str:
    """A template with these values. Without a panel, it shows none."""
    return _TEMPLATES.get_template(template).render({"panel": None} | values)
