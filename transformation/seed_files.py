"""Reads seed files as people and spreadsheets write them: rows with line numbers, and mistakes.

dbt reads the same files without line numbers. For most of these mistakes it reports nothing, or an
error about types.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True)
class Mistake:
    """A mistake at a line, and what to write instead."""

    line: int
    text: str


@dataclass(frozen=True)
class Row:
    """One row of a seed: the line it begins at, and its cells without blanks around them."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_rows(content: bytes, columns: Sequence[str]) -> tuple[list[Row], list[Mistake]]:
    """The rows of a seed with exactly these columns, in any order, and the mistakes in the file.

    What dbt ignores is not a mistake: an empty line, CRLF, the byte order mark of Excel. If the
    header or a row cannot be read, no rows are returned: rules for all rows together would give
    wrong results without it.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [], [Mistake(line, "this is not UTF-8; save the file as CSV in UTF-8")]
    try:
        lines = list(_lines(text))
    except _Unreadable as error:
        return [], [error.mistake]
    header = lines[0][1] if lines else []
    mistakes = _judge_header(header, columns)
    if mistakes:
        return [], mistakes
    rows: list[Row] = []
    is_whole = True
    for line, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            mistakes.append(Mistake(line, "this row has only empty cells; remove it"))
        elif len(cells) != len(header):
            is_whole = False
            mistakes.append(
                Mistake(
                    line,
                    f"{len(cells)} cells stand under {len(header)} columns; write a comma between "
                    'two cells, and "…" around a cell that has one itself',
                )
            )
        else:
            row = Row(line, dict(zip(header, map(str.strip, cells), strict=True)))
            rows.append(row)
            mistakes += [
                Mistake(line, f"{column} has blanks around it; write {row[column]}")
                for column, cell in zip(header, cells, strict=True)
                if cell != row[column]
            ]
    return rows if is_whole else [], mistakes


class _Unreadable(Exception):
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins at. A quoted cell may span several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        text = f'a quote is amiss ({error}); write "" for one inside a quoted cell'
        raise _Unreadable(Mistake(line, text)) from error


def _judge_header(header: Sequence[str], columns: Sequence[str]) -> list[Mistake]:
    wanted = ",".join(columns)
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            return [
                Mistake(1, f"cells are parted by {name}; export with commas, header {wanted}"),
            ]
    missing = [column for column in columns if column not in header]
    mistakes = []
    for place, column in enumerate(header):
        if column in header[:place]:
            mistakes.append(Mistake(1, f"the column {column} stands there twice; remove one"))
        elif column not in columns:
            near = get_close_matches(column.strip().lower(), missing, n=1)
            remedy = f"write {near[0]}" if near else "remove it"
            mistakes.append(Mistake(1, f"there is no column {column!r}; {remedy}"))
    if missing and not mistakes:
        are = "column is" if len(missing) == 1 else "columns are"
        text = f"the {are} missing: {', '.join(missing)}; write the header {wanted}"
        mistakes.append(Mistake(1, text))
    return mistakes
