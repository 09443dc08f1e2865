"""A file with a manifest and a file that is validated line by line give the same rows."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.facts.envelope import names_nothing
from tests.ingestion.loading.site import event, refused
from tests.ingestion.loading.ways import Ways

# What the collector lets through: any text but the null character and lone surrogates.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
)
ids = texts | st.sampled_from(
    ["a'b", '"', "\\", "\\u0041", "null", "1e5", "é", "é", "🎉", "\u2028"]
)
numbers = (
    st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 1e308, 5e-324, -0.0])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
deep = st.integers(1, 60).map(lambda depth: json.loads('{"x":' * depth + "1" + "}" * depth))
objects = st.dictionaries(texts, values, max_size=4) | deep
clocks = st.builds(
    "{:%Y-%m-%d}{}{:%H:%M:%S}{}{}".format,
    st.datetimes(min_value=datetime(1971, 1, 1)),
    st.sampled_from(["T", " "]),
    st.times(),
    st.sampled_from(["", ".1", ".123", ".123456", ".1234567", ".123456789", ".999999999"]),
    st.sampled_from(["", "Z", "+00:00", "+05:30", "-11:00"]),
).filter(lambda text: text[:4] < "9998")


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


events = st.builds(
    event,
    ids,
    source_id=ids,
    type=st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]),
    event_name=ids,
    user_id=ids,
    anonymous_id=optional(ids),
    group_id=optional(ids),
    previous_id=optional(ids),
    original_timestamp=optional(clocks),
    sent_at=optional(clocks),
    received_at=clocks,
    properties=optional(objects),
    traits=objects,
    context=objects,
    request=objects,
)
refusals = st.builds(
    refused,
    ids,
    source_id=optional(ids),
    event_id=optional(ids),
    reason=ids,
    detail=texts,
    received_at=clocks,
    body=optional(texts),
    request=optional(objects),
)
encoders = st.sampled_from(
    [
        lambda line: json.dumps(line).encode(),
        lambda line: json.dumps(line, ensure_ascii=False, indent=None).encode() + b"\r",
        msgspec.json.encode,
        lambda line: json.dumps({k: v for k, v in line.items() if v is not None}).encode(),
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(events, min_size=1, max_size=5) | st.lists(refusals, min_size=1, max_size=5),
    encode=encoders,
    packed=st.booleans(),
)
@example(
    lines=[event("a1", received_at="2026-03-01T10:00:00.123456789")],
    encode=msgspec.json.encode,
    packed=True,
)
def test_both_ways_give_the_same_rows(
    ways: Ways, lines: list[dict[str, Any]], encode: Any, packed: bool
) -> None:
    kind = "events" if "type" in lines[0] else "quarantine"
    data = b"".join(encode(line) + b"\n" for line in lines)
    data = gzip.compress(data, 1) if packed else data
    fast = ways.inserted(kind, data, len(lines), vouched=True)
    judged = ways.inserted(kind, data, len(lines), vouched=False)
    assert (fast.was_judged, judged.was_judged) == (False, True)
    assert judged.file.bad_lines == []
    assert fast.rows == judged.rows
    first = "event_id" if kind == "events" else "refused_id"
    assert [
        row[first]
        for row, line in zip(fast.rows, lines, strict=True)
        if not names_nothing(line[first])
    ] == [line[first] for line in lines if not names_nothing(line[first])]


@pytest.mark.parametrize("vouched", [True, False])
def test_a_line_whose_id_names_nothing_is_named_by_its_place(ways: Ways, vouched: bool) -> None:
    nothing = ["undefined", " Null ", '"0"', "  ", "00000000-0000-0000-0000-000000000000"]
    lines = [event(each, user_id=f"u{place}") for place, each in enumerate(nothing)]
    lines += [event("undefined", context=None), event("undefined", context={"a": None}), event("x")]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    rows, again = (
        ways.inserted("events", data, len(lines), vouched=vouched).rows for _ in range(2)
    )
    assert rows == again
    assert len({row["event_id"] for row in rows}) == len(lines)
    told = [json.loads(row["context"]) for row in rows]
    assert [each["extra_fields"]["messageId"] for each in told[:-1]] == [
        *nothing,
        *["undefined"] * 2,
    ]
    assert told[-2] == {"a": None, "extra_fields": {"messageId": "undefined"}}
    assert (rows[-1]["event_id"], told[-1]) == ("x", {})


def test_of_equal_keys_in_a_line_the_last_one_counts(ways: Ways) -> None:
    line = json.dumps(event("x", user_id="a", properties={"k": 7}))
    line = line.replace('"k": 7', '"a": 1.50, "b": [{"c": 1, "\\u0063": 2}], "a": 2')
    line = line.replace('"user_id": "a"', '"user_id": "a", "user_id": "b"')
    plain = json.dumps(event("y", properties={"k": 7})).replace("7", "7.50")
    inserted = ways.inserted("events", f"{line}\n{plain}\n".encode(), 2, vouched=True)
    assert inserted.was_judged  # no collector writes such a line
    twice, once = inserted.rows
    assert twice["user_id"] == "b"
    assert json.loads(twice["properties"]) == {"a": 2, "b": [{"c": 2}]}
    assert '"a"' not in twice["properties"].replace('"a":2', "")
    assert json.loads(once["properties"]) == {"k": 7.5}
