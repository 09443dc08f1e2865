"""`python -m demo.cookbook`: write the answers of docs/cookbook.md again, from the demo's data.

A recipe is a heading with the question, the address of the explorer's page, the SQL, and what it
answered.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from demo.tables import table
from ingestion.settings import get_settings

COOKBOOK: Final = Path(__file__).parents[1] / "docs" / "cookbook.md"
_RECIPE: Final = re.compile(
    r"^## \d+\. (?P<question>[^\n]+)\n\n"
    r"<http://127\.0\.0\.1:3001(?P<address>/\S+)>\n\n"
    r"```sql\n(?P<sql>.+?)\n```\n\n"
    r"```text\n(?P<answer>.*?)\n```\n",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Recipe:
    """A question, where the explorer answers it, how SQL does, and an answer."""

    question: str
    address: str
    sql: str
    answer: str


def recipes(text: str) -> list[Recipe]:
    """The recipes of a cookbook, in order."""
    return [Recipe(**found.groupdict()) for found in _RECIPE.finditer(text)]


def answered(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """What a statement answers, as a table."""
    cursor = connection.execute(sql)
    header = [name for name, *_ in cursor.description]
    return table(header, [[_written(value) for value in row] for row in cursor.fetchall()])


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes").removesuffix(" 00:00")
    if isinstance(value, float):
        return f"{value:,.12g}"
    # A table writes days with their weekday, SQL does not.
    return value if value is None or type(value) is int else str(value)


def main() -> int:
    """Ask the published file of FOOTFALL_HOME and write the answers into the cookbook."""
    published = str(get_settings().published)
    with duckdb.connect(published, read_only=True) as connection:

        def renewed(found: re.Match[str]) -> str:
            start, end = found.span("answer")
            whole, begin = found[0], found.start()
            answer = answered(connection, found["sql"])
            return whole[: start - begin] + answer + whole[end - begin :]

        COOKBOOK.write_text(_RECIPE.sub(renewed, COOKBOOK.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
