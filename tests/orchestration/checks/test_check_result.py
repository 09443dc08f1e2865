"""What a stranger sent shows in the UI as the text that it is."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from orchestration.checks.check_result import markdown_table
from publishing.charts import bar_chart

HOSTILE = [
    "![x](https://example.org/seen.png)",
    "[click](https://example.org)",
    "<img src=x>",
    "a | b",
    "back\\slash \\| \\",
    "**bold** _it_ ~~gone~~ `code`",
    "&lt;b&gt;",
    "two\n| lines | of |",
    "snake_case_name",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_cell_of_a_table_is_text_and_nothing_else(name: str) -> None:
    markdown = markdown_table(["source", "events"], [[name, 1]]).md_str
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown or "")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert {child.type for cell in cells for child in cell.children or []} == {"text"}
    assert "".join(child.content for child in cells[2].children or []) == name.replace("\n", " ")


def test_a_chart_is_one_image_whatever_its_title() -> None:
    markdown = bar_chart("a](https://example.org) ![", [("x", 1.0)])
    parser = MarkdownIt("commonmark")
    # It takes no SVG in an address, as the UI does.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    (inline,) = (token for token in parser.parse(markdown) if token.type == "inline")
    (image,) = inline.children or []
    assert image.type == "image"
    assert str(image.attrs["src"]).startswith("data:image/svg+xml")


def test_a_name_with_underscores_stays_readable() -> None:
    assert "missing_event_name" in (markdown_table(["why"], [["missing_event_name"]]).md_str or "")
