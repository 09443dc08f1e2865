"""Google Analytics 4: typed parameters, one time for a request, people without consent."""

from __future__ import annotations

import io
import json
from typing import Any

import duckdb
import fastavro
import pytest

from ingestion.facts.lines import BadLine
from ingestion.importer.avro import avro_rows
from tests.ingestion.importer.conftest import Desk, Line

AT = 1_743_501_600_123_456


def parameter(key: str, **value: Any) -> Line:
    """A parameter; BigQuery writes all four values."""
    empty = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return {"key": key, "value": empty | value}


def ga4(index: Any = 1, **fields: Any) -> Line:
    """A row of a table, with most of its columns; whole numbers are texts, as in NDJSON."""
    return {
        "event_date": "20250401",
        "event_timestamp": f"{AT}",
        "event_name": "add_to_cart",
        "event_params": [
            parameter("ga_session_id", int_value="1743501600"),
            parameter("coupon", string_value="spring"),
            parameter("value", double_value=9.5),
        ],
        "user_id": None,
        "user_pseudo_id": "123.456",
        "user_properties": [parameter("tier", string_value="gold")],
        "device": {"category": "mobile", "operating_system": "Android", "language": "de-de"},
        "geo": {"country": "Germany"},
        "collected_traffic_source": {"manual_source": "news", "manual_medium": None},
        "items": [{"item_id": "sku1"}],
        "batch_page_id": "7",
        "batch_ordering_id": "2",
        "batch_event_index": f"{index}",
    } | fields


def test_parameters_keep_their_types_and_everything_has_a_place(desk: Desk) -> None:
    view = [parameter("page_location", string_value="https://x.org/a")]
    rows = [ga4(), ga4(2, event_name="page_view", event_params=view, user_id="ann")]
    desk.run("ga4", "--source", "web", desk.write("a.json", rows))
    cart, page = desk.events()
    assert cart["properties"] == {
        "ga_session_id": 1743501600,
        "coupon": "spring",
        "value": 9.5,
        "items": [{"item_id": "sku1"}],
    }
    assert (cart["user_id"], cart["anonymous_id"]) == (None, "123.456")
    assert cart["original_timestamp"] == cart["received_at"] == "2025-04-01T10:00:00.123456Z"
    context = cart["context"]
    assert context["device"]["type"] == "mobile"
    assert context["campaign"] == {"source": "news"}
    assert context["extra_fields"]["geo"] == {"country": "Germany"}
    assert context["extra_fields"]["user_properties"] == {"tier": "gold"}
    assert (page["type"], page["user_id"]) == ("page", "ann")
    assert page["context"]["page"] == {"url": "https://x.org/a"}


def test_events_of_one_request_sort_as_they_happened(desk: Desk) -> None:
    places = [(7, 2, 1), (7, 2, 2), (7, 2, 10), (7, 10, 1), (10, 1, 1)]
    names = ("batch_page_id", "batch_ordering_id", "batch_event_index")
    rows = [ga4(**dict(zip(names, map(str, place), strict=True))) for place in places]
    desk.run("ga4", desk.write("a.json", rows))
    ids = [each["event_id"] for each in desk.events()]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(places)


def test_the_table_of_the_day_has_the_ids_of_the_intraday_table(desk: Desk) -> None:
    later = ga4(traffic_source={"name": "(direct)"})
    desk.run("ga4", desk.write("intraday.json", [ga4()]))
    desk.run("ga4", desk.write("day.json", [later]))
    old = {"batch_page_id": None, "batch_ordering_id": None, "batch_event_index": None}
    desk.run("ga4", desk.write("2023.json", [ga4(**old), ga4(event_params=[], **old)]))
    assert len({each["event_id"] for each in desk.events()}) == 3


def test_people_without_consent_and_broken_parameters_are_refused(desk: Desk) -> None:
    rows = [
        ga4(user_pseudo_id=None),
        ga4(event_timestamp=None),
        ga4(event_params=["x"]),
        ga4(event_params=[parameter("n", int_value="many")]),
        ga4(event_timestamp=10**30),
        ga4(batch_page_id="x"),
        ga4(),
    ]
    desk.run("ga4", desk.write("a.json", rows))
    assert [each["reason"] for each in desk.refused()] == [
        *("missing_id", "invalid_timestamp", "invalid_field", "invalid_field"),
        *("invalid_timestamp", "invalid_field"),
    ]
    assert len(desk.events()) == 1


def test_parquet_with_and_without_list_inference_is_the_same(desk: Desk) -> None:
    row = ga4(event_timestamp=AT, batch_page_id=7, batch_ordering_id=2, batch_event_index=1)
    row["event_params"] = [parameter("coupon", string_value="spring")]
    row["event_params"][0]["value"] |= {"int_value": 1, "double_value": 1.5, "float_value": 1.5}
    row["event_params"].append(parameter("value", double_value=9.5))
    lines = desk.write("a.json", [row])
    plain, wrapped = desk.folder / "a.parquet", desk.folder / "b.parquet"
    read = f"from read_json('{lines}')"
    duckdb.execute(f"copy (select * {read}) to '{plain}'")
    lists = "{'list': list_transform(event_params, lambda each: {'element': each})}"
    duckdb.execute(f"copy (select * replace ({lists} as event_params) {read}) to '{wrapped}'")
    desk.run("ga4", lines, plain, wrapped)
    events = [json.dumps(each["properties"], sort_keys=True) for each in desk.events()]
    assert (len(events), len(set(events))) == (3, 1)
    assert len({each["event_id"] for each in desk.events()}) == 1


#: Types of BigQuery as its Avro has them: all columns but the repeated ones may be null.
_LONG, _TEXT, _DOUBLE = (["null", kind] for kind in ("long", "string", "double"))


def _record(name: str, **fields: Any) -> Line:
    return {
        "type": "record",
        "name": name,
        "namespace": "root",
        "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
    }


def avro(rows: list[Line], codec: str) -> bytes:
    """A table as BigQuery exports it, in blocks of a few rows."""
    values = {"string_value": _TEXT, "int_value": _LONG}
    value = _record("value", **values, float_value=_DOUBLE, double_value=_DOUBLE)
    parameters = _record("event_params", key=_TEXT, value=["null", value])
    schema = _record(
        "Root",
        **dict.fromkeys(("event_name", "user_id", "user_pseudo_id"), _TEXT),
        **dict.fromkeys(("event_timestamp", "batch_page_id", "batch_ordering_id"), _LONG),
        batch_event_index=_LONG,
        event_params={"type": "array", "items": parameters},
        geo=["null", _record("geo", country=_TEXT)],
    )
    out = io.BytesIO()
    fastavro.writer(out, schema, rows, codec=codec, sync_interval=500)
    return out.getvalue()


def of_avro(index: int) -> Line:
    """A row with the columns of these files; whole numbers are numbers."""
    row = ga4(index, event_timestamp=AT, batch_page_id=7, batch_ordering_id=2)
    return {**row, "batch_event_index": index, "event_params": [ga4()["event_params"][1]] * 2}


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_avro_parquet_and_lines_of_the_same_rows_are_the_same_events(
    desk: Desk, codec: str
) -> None:
    packed = desk.write("a.avro", avro([of_avro(index) for index in range(9)], codec))
    rows: list[Any] = list(fastavro.reader(io.BytesIO(packed.read_bytes())))
    lines, table = desk.write("a.json", rows), desk.folder / "a.parquet"
    duckdb.execute(f"copy (from read_json('{lines}')) to '{table}'")
    found = []
    for export in (packed, lines, table):
        assert "9 events would land" in desk.run("ga4", "--dry-run", export).out
        before = len(desk.events())
        desk.run("ga4", export)
        landed = sorted(json.dumps(each, sort_keys=True) for each in desk.events())
        found.append((len(landed) - before, len(set(landed))))
    assert found == [(9, 9), (9, 9), (9, 9)]


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz"])
def test_no_block_of_avro_inflates_without_a_bound(
    desk: Desk, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*(of_avro(index) for index in range(9)), of_avro(9) | {"user_id": "u" * 5_000}]
    path = desk.write("a.avro", avro(rows, codec))
    assert len([row for _, row in avro_rows(path) if isinstance(row, bytes)]) == 10
    monkeypatch.setattr("ingestion.importer.avro.BLOCK_BYTES", 5_000)
    *read, (number, bad) = avro_rows(path)
    assert 0 < len(read) == number - 1 < 10
    assert isinstance(bad, BadLine)
    assert bad.is_end
    assert "a block inflates past 5000 bytes, as no export's does" in bad.reason


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy"])
def test_of_a_cut_avro_file_the_whole_rows_are_imported(desk: Desk, codec: str) -> None:
    whole = avro([of_avro(index) for index in range(99)], codec)
    done = desk.run("ga4", desk.write("a.avro", whole[: len(whole) // 2]))
    assert done.code == 1
    assert 0 < len(desk.events()) < 99
    assert f"a.avro ends early: {len(desk.events())} records could be read" in done.err
    assert "cannot be read from here on" in desk.refused()[0]["detail"]
    done = desk.run("ga4", desk.write("b.avro", whole[:100]))
    assert "b.avro ends early: 0 records could be read" in done.err
    done = desk.run("ga4", desk.write("c.avro", whole))
    assert (done.code, len({each["event_id"] for each in desk.events()})) == (0, 99)
