"""Everything that lists the fields of a line agrees with its struct."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ingestion.facts.envelope import EVENT_FIELDS, REFUSED_FIELDS, Field

CHECKOUT = Path(__file__).parents[3]
TYPES = {"varchar": "text", "timestamptz": "ISO 8601", "json": "object"}


def test_the_table_of_a_line_in_the_documents_follows_from_its_struct() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    rows = [
        f"| `{each.name}` | {TYPES[each.column]}{'?' * is_optional(each)} | {each.meaning} |"
        for each in EVENT_FIELDS
    ]
    assert "| --- | --- | --- |\n" + "\n".join(rows) + "\n\n" in text


@pytest.mark.parametrize(
    ("table", "fields"), [("events", EVENT_FIELDS), ("refused", REFUSED_FIELDS)]
)
def test_dbt_describes_each_field_of_a_line(table: str, fields: tuple[Field, ...]) -> None:
    sources = yaml.safe_load(
        (CHECKOUT / "dbt_project" / "staging" / "_staging__sources.yml").read_text()
    )
    tables = {each["name"]: each["columns"] for each in sources["sources"][0]["tables"]}
    described = [column["name"] for column in tables[table] if column["description"]]
    assert described[: len(fields)] == [each.name for each in fields]


def test_a_field_is_required_or_optional_and_has_one_type() -> None:
    kinds = {each.name: (each.column, each.is_required) for each in EVENT_FIELDS}
    assert kinds["event_id"] == ("varchar", True)
    assert kinds["user_id"] == ("varchar", False)
    assert kinds["received_at"] == ("timestamptz", True)
    assert kinds["sent_at"] == ("timestamptz", False)
    assert kinds["properties"] == ("json", False)


def is_optional(field: Field) -> bool:
    """Whether the documents mark it: an object that is absent is an empty one."""
    return not field.is_required and field.column != "json"
