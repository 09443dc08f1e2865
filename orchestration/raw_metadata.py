"""The descriptions of the raw tables: written once for dbt, and shown by Dagster too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

#: The metadata key that dagster-dlt, dagster-dbt and the UI use for the columns of an asset.
COLUMN_SCHEMA = "dagster/column_schema"
#: The metadata key that the UI uses for the number of rows of a table.
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
    """The raw tables by name, from dbt's manifest."""
    return {
        source["name"]: RawTable(
            source["description"],
            {name: column["description"] for name, column in source["columns"].items()},
        )
        for source in manifest["sources"].values()
    }
