"""The load can read the longest line that anybody can make the collector write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ingestion.facts.compression import MAX_INFLATED_BYTES
from ingestion.facts.envelope import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from ingestion.facts.line_checks import MAX_LINE_BYTES, LineJudge
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.routes import ROUTES
from ingestion.protocols.verdict import MAX_USER_AGENT, RequestFacts, Verdict

#: Four bytes of JSON that are written as eighteen.
SHORT_NUMBER = b"1e15"


def numbers(size: int) -> bytes:
    """A field of about this many bytes that grows as much as any."""
    return b'"a":[%s]' % b",".join([SHORT_NUMBER] * ((size - 20) // 5))


def judged(event: bytes, beside: bytes) -> Verdict:
    body = b'{"batch":[%s],"context":{%s}}' % (event, beside)
    facts = RequestFacts(
        protocol="segment", path="/v1/batch", user_agent="\x01" * MAX_USER_AGENT, ip="::"
    )
    return ROUTES["/v1/batch"].judge(
        ROUTES["/v1/batch"].open(body), "web", datetime.now(UTC), facts
    )


def test_an_accepted_event_of_the_most_that_grows_the_most_can_be_loaded() -> None:
    event = b'{"type":"page","userId":"u",%s}' % numbers(MAX_EVENT_BYTES - 100)
    (line,) = judged(event, numbers(MAX_EVENT_BYTES - 100)).accepted
    assert len(line) > 7 * MAX_EVENT_BYTES
    assert len(line) <= MAX_LINE_BYTES["events"]
    assert not isinstance(LineJudge("events").verdict(line.rstrip()), str)


def test_a_refused_event_of_the_most_that_grows_the_most_can_be_loaded() -> None:
    event = b'{"type":"x","a":"%s"}' % (b"\x01" * MAX_BATCH_BYTES)
    (refusal,) = judged(event, numbers(MAX_EVENT_BYTES - 100)).refused
    assert len(refusal.line) > 6 * MAX_BATCH_BYTES
    assert len(refusal.line) <= MAX_LINE_BYTES["quarantine"]
    assert not isinstance(LineJudge("quarantine").verdict(refusal.line.rstrip()), str)


@pytest.mark.parametrize("fields", [1, 98])
def test_more_than_an_event_beside_the_batch_is_refused(fields: int) -> None:
    # Gzip brought 3 MB of it, and an event of 11 MB was acknowledged that no load would read.
    field = b'"f%d":"' + b"y" * (MAX_EVENT_BYTES // fields) + b'"'
    beside = b",".join(field % number for number in range(fields))
    assert len(beside) < MAX_INFLATED_BYTES
    with pytest.raises(Unreadable, match="beside the batch are too large"):
        ROUTES["/v1/batch"].open(b'{"batch":[{"type":"page","userId":"u"}],%s}' % beside)
