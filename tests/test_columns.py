"""What the models' documents say of their columns is how the columns are built."""

from __future__ import annotations

import json

import duckdb

from tests.models_in_memory import CompiledModels

#: What dbt makes, but for the rows that a failed test keeps.
SCHEMAS = ("seeds", "staging", "intermediate", "marts")


def test_every_column_is_described_and_has_the_type_the_documents_say(
    compiled: CompiledModels,
) -> None:
    manifest = compiled.settings.home / "dbt" / "target" / "manifest.json"
    documented = {
        (node["schema"], node["name"], name): column["data_type"]
        for node in json.loads(manifest.read_text())["nodes"].values()
        if node["resource_type"] in {"model", "seed"}
        for name, column in node["columns"].items()
        if column["description"]
    }
    with duckdb.connect(str(compiled.settings.warehouse), read_only=True) as connection:
        built = {
            (schema, table, name): data_type.lower()
            for schema, table, name, data_type in connection.execute(
                "select schema_name, table_name, column_name, data_type from duckdb_columns()"
                " where list_contains(?, schema_name)",
                [list(SCHEMAS)],
            ).fetchall()
        }

    assert {schema for schema, _, _ in built} == set(SCHEMAS)
    assert documented == built


def test_people_read_columns_of_types_that_every_tool_knows(compiled: CompiledModels) -> None:
    """Some BI tools cannot read intervals, 128-bit numbers or lists. Money is exact to the cent."""
    plain = {"VARCHAR", "BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP"}
    plain |= {"DECIMAL(20,10)", "DECIMAL(24,8)", "DECIMAL(38,8)"}
    with duckdb.connect(str(compiled.settings.warehouse), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'marts'"
        ).fetchall()
    assert columns
    assert [column for column in columns if column[2] not in plain] == []
