"""What dbt's documents say of the raw tables: written once, shown by Dagster too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

#: Under which dagster-dlt, dagster-dbt and the UI keep the columns of an asset.
COLUMN_SCHEMA = "dagster/column_schema"
#: Under which the UI looks for the rows of a table.
ROW_COUNT = "dagster/row_count"


@dataclass(frozen=True)
class RawTable:
    """A source of the dbt project."""

    description: str
    columns: dict[str, str]

    def described(self, schema: dg.TableSchema) -> dg.TableSchema:
        """The columns dlt made, each with its description."""
        return dg.TableSchema(
            columns=[
                dg.TableColumn(
                    column.name,
                    column.type,
                    self.columns.get(column.name),
                    column.constraints,
                    column.tags,
                )
                for column in schema.columns
            ]
        )


def raw_tables(manifest: Mapping[str, Any]) -> dict[str, RawTable]:
    """The raw tables by name, out of dbt's manifest."""
    return {
        source["name"]: RawTable(
            source["description"],
            {name: column["description"] for name, column in source["columns"].items()},
        )
        for source in manifest["sources"].values()
    }
