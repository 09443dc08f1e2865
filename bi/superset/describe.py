"""`python -m bi.superset.describe` writes what the published file says into the datasets.

That is the descriptions of tables and columns, and the types. Metrics, statements and columns that
only the dataset has are written by hand and stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import yaml

from ingestion.settings import get_settings

DATASETS = Path(__file__).parent / "export" / "datasets"
TIMES = ("DATE", "TIMESTAMP")


def main() -> None:
    """Write every dataset again."""
    with duckdb.connect(str(get_settings().published), read_only=True) as connection:
        for path in sorted(DATASETS.iterdir()):
            dataset = described(yaml.safe_load(path.read_text()), connection)
            path.write_text(
                yaml.dump(dataset, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
            )


def described(dataset: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The dataset with the columns and descriptions of its table.

    A description of the dataset stays where the table has none.
    """
    known = {column["column_name"]: column for column in dataset["columns"]}
    name = [dataset["schema"], dataset["table_name"]]
    tables = connection.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?", name
    ).fetchall()
    found = connection.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where schema_name = ? and table_name = ? order by column_index",
        name,
    ).fetchall()
    columns = [
        {
            "column_name": column,
            "type": kind,
            "description": comment or known.get(column, {}).get("description"),
            "is_dttm": kind in TIMES,
            "groupby": True,
            "filterable": True,
        }
        for column, kind, comment in found
    ]
    theirs = {column for column, *_ in found}
    return {
        **dataset,
        "description": next((comment for (comment,) in tables if comment), dataset["description"]),
        "columns": [*columns, *(each for name, each in known.items() if name not in theirs)],
    }


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Lists are indented, and texts of several lines are written as such."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)

if __name__ == "__main__":
    main()
