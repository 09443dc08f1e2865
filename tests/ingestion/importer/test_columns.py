"""Tables of no known tool: CSV, Parquet and NDJSON, with a file that says what is what."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.ingestion.importer.conftest import Desk

ORDERS = b"""
[columns]
event_id = "id"
original_timestamp = "created"
user_id = "customer"
anonymous_id = "visitor"
properties = "details"

[values]
event_name = "order_placed"
"""
TABLE = b"""id,created,customer,visitor,details,plan,note
1,2025-04-01 10:00:00,ann,,"{""price"": 9.5}",annual,"two
lines"
2,2025-04-01T10:00:00+02:00,,d1,,,
3,1743501600,ben,,,monthly,
4,1743501600250,ben,,,monthly,
5,2025-04-01 10:00:00,cid
6,soon,cid,,,,
7,2025-04-01 10:00:00,cid,,{torn,,
"""
#: A row that has all columns of ORDERS.
ROW = {"id": "1", "created": "2025-04-01", "customer": "ann", "visitor": "", "details": ""}


@pytest.fixture
def orders(desk: Desk) -> Path:
    """The file that says what the columns are."""
    return desk.write("orders.toml", ORDERS)


def test_a_csv_file_is_imported_row_by_row(desk: Desk, orders: Path) -> None:
    table = desk.write("orders.csv", TABLE)
    desk.run("columns", table, "--columns", orders, "--time-zone", "Europe/Berlin")
    first, second, seconds, milliseconds = desk.events()
    assert first["event_name"] == "order_placed"
    assert (first["user_id"], first["anonymous_id"]) == ("ann", None)
    # A time without a zone is of the zone that was named; one with a zone keeps it.
    assert first["original_timestamp"] == "2025-04-01T08:00:00.000000Z"
    assert second["original_timestamp"] == "2025-04-01T08:00:00.000000Z"
    assert seconds["original_timestamp"] == "2025-04-01T10:00:00.000000Z"
    assert milliseconds["original_timestamp"] == "2025-04-01T10:00:00.250000Z"
    assert first["properties"] == {"price": 9.5, "plan": "annual", "note": "two\nlines"}
    assert second["properties"] == {}
    assert [(each["reason"], each["detail"].split(" of ")[0]) for each in desk.refused()] == [
        ("unreadable_record", "line 7"),
        ("invalid_timestamp", "line 8"),
        ("invalid_field", "line 9"),
    ]
    assert "3 values for 7 columns" in desk.refused()[0]["detail"]


def test_csv_ndjson_and_parquet_of_the_same_rows_are_the_same_events(
    desk: Desk, orders: Path
) -> None:
    row = ROW | {"created": "2025-04-01 10:00:00", "plan": "annual"}
    table = desk.folder / "a.parquet"
    csv = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    desk.write("a.csv", csv.encode())
    desk.write("a.tsv", csv.replace(",", "\t").encode())
    lines = desk.write("a.jsonl", [row])
    duckdb.execute(f"copy (select * from read_json('{lines}')) to '{table}'")
    desk.run("columns", desk.folder / "a.*", "--columns", orders)
    events = [json.dumps(each, sort_keys=True) for each in desk.events()]
    assert len(events) == 4
    assert len(set(events)) == 1


def test_row_numbers_of_two_sources_are_two_ids(desk: Desk, orders: Path) -> None:
    table = desk.write("a.jsonl", [ROW])
    for source in ("shop", "till"):
        desk.run("columns", table, "--columns", orders, "--source", source)
    assert len({each["event_id"] for each in desk.events()}) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[columns", "cannot be read"),
        (b"[column]\n", "column is neither [columns] nor [values]"),
        (b"[columns]\nevent = 'a'\n", "event is no field; it may be event_id, type"),
        (b"[columns]\nuser_id = 'a'\n", "name the column of original_timestamp"),
        (b"[columns]\noriginal_timestamp = 'a'\n", "name the column of user_id or of anonymous_id"),
        (b"[columns]\nuser_id = 7\n", "user_id must be a text"),
        (b"[values]\ntype = 'click'\n", "type must be one of track, page"),
    ],
)
def test_a_wrong_file_of_columns_says_what_to_write(
    desk: Desk, capfd: pytest.CaptureFixture[str], text: bytes, said: str
) -> None:
    with pytest.raises(SystemExit):
        desk.run("columns", "a.csv", "--columns", desk.write("c.toml", text))
    assert said in capfd.readouterr().err


def test_the_columns_must_be_told_and_be_there(
    desk: Desk, orders: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        desk.run("columns", "a.csv")
    assert "--columns FILE is what the format columns needs" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        desk.run("segment", "a.jsonl", "--columns", orders)
    assert "--columns is for the format columns only" in capfd.readouterr().err
    table = desk.write("a.csv", TABLE.replace(b"id,", b"number,").replace(b"details", b"more"))
    for more in ((), ("--dry-run",)):
        done = desk.run("columns", table, "--columns", orders, *more)
        assert done.code == 1
        assert "a.csv: the file has no column id, details; it has number, created," in done.err
    assert desk.files() == {}


def test_lines_of_json_may_leave_out_columns_that_others_have(desk: Desk, orders: Path) -> None:
    short = {"id": 2, "created": "2025-04-01", "customer": "ann"}
    done = desk.run("columns", desk.write("a.jsonl", [short] * 200 + [ROW]), "--columns", orders)
    assert done.code == 0
    short_only = desk.run("columns", desk.write("b.jsonl", [short]), "--columns", orders)
    assert "b.jsonl: the file has no column visitor, details; it has id, created, customer" in (
        short_only.err
    )


def test_a_table_that_is_no_table_or_never_closes_a_quote(desk: Desk, orders: Path) -> None:
    head = TABLE.split(b"\n")[0]
    rows = b'\n1,2025-04-01,ann,,,,\n\n2,2025-04-01,\xff,,,,\n3,2025-04-01,"ann,,,,\n'
    done = desk.run("columns", desk.write("a.csv", head + rows), "--columns", orders)
    assert done.code == 0
    assert len(desk.events()) == 1
    assert ["not UTF-8" in each["detail"] for each in desk.refused()] == [True, False]
