"""For any JSON, every event is accepted or refused, and DuckDB can read every line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.facts.envelope import EVENT_COLUMNS, REFUSED_COLUMNS
from ingestion.facts.refusals import REASONS
from ingestion.protocols.batch_json import open_body
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.validation import judge
from ingestion.protocols.verdict import RequestFacts, Verdict

RECEIVED_AT = datetime(2026, 3, 1, 12, 0, 0, 5, UTC)
FACTS = RequestFacts(protocol="segment", path="/v1/batch")

texts = st.text(st.characters(), max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
ids = st.one_of(st.sampled_from(["u1", 'ü\n"x', "", None, 7]), values)
clocks = st.one_of(
    st.datetimes().map(datetime.isoformat),
    st.integers(-(10**14), 10**14),
    st.sampled_from(["2026-03-01T00:00:00Z", "1772359200123", None]),
    values,
)
objects = st.one_of(st.dictionaries(texts, values, max_size=4), values)
events = st.one_of(
    values,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["track", "page", "identify", "alias", "x"]), "userId": ids},
        optional={
            "event": ids,
            "anonymousId": ids,
            "messageId": ids,
            "groupId": ids,
            "previousId": ids,
            "timestamp": clocks,
            "originalTimestamp": clocks,
            "sentAt": clocks,
            "properties": objects,
            "traits": objects,
            "context": objects,
            "name": values,
            "integrations": values,
            "odd\u2028key": values,
        },
    ),
)
batches = st.fixed_dictionaries(
    {"batch": st.lists(events, max_size=4)},
    optional={"context": objects, "integrations": objects, "sentAt": clocks, "other": values},
)


def read(path: Path, lines: Sequence[bytes], columns: dict[str, str]) -> list[Any]:
    path.write_bytes(b"".join(lines))
    return duckdb.execute(
        f"select * from read_json('{path}', format = 'newline_delimited', columns = {columns})"
    ).fetchall()


def check(verdict: Verdict, events: int, folder: Path) -> None:
    indices = [each.index for each in verdict.refused]
    assert len(verdict.accepted) + len(indices) == events
    assert sorted(set(indices)) == indices
    assert all(0 <= index < events for index in indices)
    assert all(each.reason in REASONS for each in verdict.refused)
    for line in (*verdict.accepted, *(each.line for each in verdict.refused)):
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
    if verdict.accepted:
        rows = read(folder / "events.ndjson", verdict.accepted, EVENT_COLUMNS)
        parsed = [json.loads(line) for line in verdict.accepted]
        assert [row[0] for row in rows] == [line["event_id"] for line in parsed]
        assert [row[4] for row in rows] == [line["user_id"] for line in parsed]
        assert all(row[10] == RECEIVED_AT for row in rows)
        for row, line in zip(rows, parsed, strict=True):
            assert [row[8] is None, row[9] is None] == [
                line["original_timestamp"] is None,
                line["sent_at"] is None,
            ]
            assert json.loads(row[11]) == line["properties"]
            assert row[4] or row[5]
    if verdict.refused:
        lines = [each.line for each in verdict.refused]
        rows = read(folder / "refused.ndjson", lines, REFUSED_COLUMNS)
        assert [row[3] for row in rows] == [each.reason for each in verdict.refused]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=batches)
def test_every_event_is_accepted_or_refused_and_every_line_is_readable(
    tmp_path: Path, batch: dict[str, Any]
) -> None:
    # json.dumps writes NaN, Infinity and lone surrogates as careless clients do.
    opened = open_body(json.dumps(batch).encode(), holds_batch=True)
    check(judge(opened, "web", RECEIVED_AT, FACTS), len(batch["batch"]), tmp_path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(
                (
                    rb'{"batch":[ ] } { [ , : " \ NaN \ud800 '
                    rb'{"type":"track" "userId":"u" "event":"e"'
                ).split()
            ),
            st.sampled_from([b"\xff", b"\0", b"\n", b" "]),
            st.binary(max_size=4),
        ),
        max_size=12,
    ).map(b"".join)
)
def test_any_bytes_are_judged_or_called_unreadable(tmp_path: Path, text: bytes) -> None:
    for body in (text, b'{"batch":[' + text + b"]}"):
        try:
            opened = open_body(body, holds_batch=True)
        except Unreadable:
            continue
        check(judge(opened, "web", RECEIVED_AT, FACTS), len(opened.events), tmp_path)


@pytest.mark.parametrize("depth", [1, 60])
def test_duckdb_reads_the_deepest_event_that_is_kept(tmp_path: Path, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    text = b'{"batch":[{"type":"track","event":"e","userId":"u","properties":{"a":%s}}]}' % nested
    verdict = judge(open_body(text, holds_batch=True), "web", RECEIVED_AT, FACTS)
    assert len(verdict.accepted) == 1
    check(verdict, 1, tmp_path)
