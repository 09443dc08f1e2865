"""What a panel's answer is as a file: rows as CSV and Parquet, its chart as SVG and PNG."""

from __future__ import annotations

import csv
import io
from typing import Final

import pyarrow as pa
import pyarrow.parquet

from explorer import charts
from explorer.panels import Panel
from explorer.published import NoAnswer, Published

#: Ending of a name → the type of its content.
FILES: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "png": "image/png",
}


def written(published: Published, panel: Panel, kind: str) -> bytes:
    """The content of a file of this kind, with all rows. Raises NoAnswer."""
    with published.query() as query:
        if kind in ("csv", "parquet"):
            table = query.table(panel.statement)
            return _csv(table) if kind == "csv" else _parquet(table)
        chart = panel.draw(query.rows(panel.statement).dicts()) if panel.draw else None
    if chart is None:
        raise NoAnswer("This answer has no picture.")
    return charts.svg_file(chart).encode() if kind == "svg" else charts.png_file(chart)


def _csv(table: pa.Table) -> bytes:
    """An answer as CSV that a spreadsheet does not take for formulas."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([_harmless(value) for value in row])
    return text.getvalue().encode()


def _harmless(value: object) -> object:
    """A text that begins like a formula gets an apostrophe, which spreadsheets leave out."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    return sink.getvalue()
