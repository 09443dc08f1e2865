"""Validating a refused row again, as the collector would have done when it arrived.

Pure: no I/O and no clock. The route of the request reads and validates it. No rule about events is
written here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from ingestion.facts.envelope import EventLine, Json, encode_line
from ingestion.protocols.batch_json import Batch, inflate
from ingestion.protocols.http_errors import Unreadable
from ingestion.protocols.routes import route_of
from ingestion.protocols.verdict import RequestFacts
from ingestion.quarantine.mending import Mend, MendBody, MendFailed, mended, mended_body
from ingestion.quarantine.rows import Row

ACCEPTED: Final = "accepted"
#: Verdicts from here, not from a protocol: the row is not validated, or its mend fails.
LEFT: Final = "left"
MEND_FAILED: Final = "mend_failed"
TORN_TAIL: Final = "torn_tail"
IMPORTED: Final = "imported"
UNKNOWN_PATH: Final = "unknown_path"
NOTHING_KEPT: Final = "nothing_kept"
BODY_CUT: Final = "body_cut"
UNREADABLE: Final = "unreadable_request"

#: Namespace of the ids of events that came without one. It must never change.
_NAMESPACE: Final = uuid.UUID("6f0b8a52-3c0e-5a57-9d0d-0f7f1c6f2a11")
_CUT = re.compile(r"\(the first \d+ of \d+ bytes are kept\)\Z")
_event_line = msgspec.json.Decoder(EventLine[Json])


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one event of a row: its line to land, or why it stays refused."""

    event: int
    verdict: str
    detail: str = ""
    line: bytes = b""


def rejudge(
    row: Row, *, mend: Mend | None = None, mend_body: MendBody | None = None
) -> Iterator[Outcome]:
    """Validate the events of a row again. Most rows are one event; a whole request may be many.

    A line keeps the row's ``received_at``. An event without an id gets one from its place in
    quarantine, so that it always gets the same.
    """
    try:
        batch = _opened(row, mend_body)
    except Unreadable as problem:
        yield Outcome(0, UNREADABLE, f"{problem.code}: {problem.message}")
        return
    except MendFailed as failure:
        yield Outcome(0, MEND_FAILED, str(failure))
        return
    if isinstance(batch, Outcome):
        yield batch
        return
    for number, text in enumerate(batch.events):
        yield _judged(row, number, text, batch.fields, mend)


def _opened(row: Row, mend_body: MendBody | None) -> Batch | Outcome:
    """The events of a row and the fields beside them, or why there are none."""
    if row.reason == TORN_TAIL:
        return Outcome(0, TORN_TAIL, "never acknowledged, so its sender has sent it again")
    if "import" in row.request:
        return Outcome(0, IMPORTED, "mend the record in its file, and import the file again")
    route = route_of(row.request.get("path", ""))
    if route is None:
        return Outcome(0, UNKNOWN_PATH, "no protocol is spoken on the path it came by")
    if not row.body:
        return Outcome(0, NOTHING_KEPT, "quarantine holds no body of it")
    body: bytes | None = row.body
    if mend_body is not None:
        body = mended_body(row.text, mend_body)
    elif _CUT.search(row.detail):
        return Outcome(0, BODY_CUT, "only a part was kept; --mend-body can make a whole of it")
    if body is None:
        return Outcome(0, LEFT)
    if row.reason == UNREADABLE:
        return route.open(inflate(body))
    beside = row.request.get("batch") or {}
    return Batch([body], {name: msgspec.json.encode(value) for name, value in beside.items()})


def _judged(
    row: Row, number: int, text: bytes, fields: dict[str, bytes], mend: Mend | None
) -> Outcome:
    if mend is not None:
        try:
            changed = mended(text, mend)
        except MendFailed as failure:
            return Outcome(number, MEND_FAILED, str(failure))
        if changed is None:
            return Outcome(number, LEFT)
        text = changed
    facts = RequestFacts(
        protocol=row.request.get("protocol", ""),
        path=row.request["path"],
        user_agent=row.request.get("user_agent"),
        ip=row.request.get("ip"),
        location=row.request.get("location"),
    )
    route = route_of(facts.path)
    assert route is not None  # else the row would not have been opened
    verdict = route.judge(
        Batch([text], fields),
        row.source,
        row.received_at,
        facts,
        mint=lambda: str(uuid.uuid5(_NAMESPACE, f"{row.file}:{row.line}:{number}")),
    )
    for refusal in verdict.refused:
        return Outcome(number, refusal.reason, refusal.detail)
    line = _event_line.decode(verdict.accepted[0])
    origin = {"file": row.file, "line": row.line, "event": number, "reason": row.reason}
    request = line.request | {"replay": origin}
    return Outcome(
        number, ACCEPTED, line=encode_line(msgspec.structs.replace(line, request=request))
    )
