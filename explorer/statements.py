"""Which statements of strangers may be run: one that selects, and does nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import duckdb

from explorer.published import NoAnswer
from footfall.ask import QUESTIONS

#: The table functions that a statement may call. Others read files, run the SQL in a text, or
#: change how DuckDB runs: enable_logging() can end the process.
FUNCTIONS: Final = frozenset(
    {
        *QUESTIONS,
        *("duckdb_columns", "duckdb_functions", "duckdb_tables", "duckdb_views"),
        *("generate_series", "json_each", "json_tree", "range", "unnest"),
    }
)


def check_statement(query: str) -> None:
    """Refuse all but one select statement that calls no other table functions than FUNCTIONS.

    Raises NoAnswer, which says why.
    """
    try:
        with duckdb.connect() as parser:
            ((tree,),) = parser.execute("select json_serialize_sql(?)", [query]).fetchall()
        parsed = json.loads(tree)
        called = set(_table_functions(parsed))
    except (duckdb.Error, RecursionError):
        raise NoAnswer("The statement is nested too deeply to be read.") from None
    if parsed["error"] and parsed["error_type"] == "parser":
        raise NoAnswer(parsed["error_message"])
    # DuckDB ends a text at a NUL.
    if "\0" in query or parsed["error"] or len(parsed["statements"]) != 1:
        raise NoAnswer("Write one select statement. Nothing can be changed here.")
    if refused := called - FUNCTIONS:
        raise NoAnswer(f"A statement cannot call {', '.join(sorted(refused))} here.")


def _table_functions(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if tree.get("type") == "TABLE_FUNCTION":
            yield tree["function"]["function_name"].lower()
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from _table_functions(each)
