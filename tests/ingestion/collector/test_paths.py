"""No sender can decide where a file is written: the collector's clock and chance name it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.ingestion.collector.live import LiveCollector

UP = "../../../../escaped"
NAME = r"[0-9A-Z]{26}-[a-z0-9-]+"
PLACES = [
    rf"events/date=\d{{4}}-\d\d-\d\d/hour=\d\d/{NAME}\.ndjson\.gz",
    rf"quarantine/date=\d{{4}}-\d\d-\d\d/{NAME}\.ndjson\.gz",
    rf"manifest/date=\d{{4}}-\d\d-\d\d/{NAME}\.json",
    r"open/[a-z-]*\.?lock",
]


def test_whatever_a_sender_says_files_lie_where_the_collector_puts_them(
    collectors: Callable[..., LiveCollector], tmp_path: Path
) -> None:
    collector = collectors()
    event = {
        "type": "track",
        **dict.fromkeys(("event", "userId", "messageId", "groupId", "timestamp"), UP),
        "source_id": UP,
        "received_at": UP,
    }
    headers = {"Host": UP, "User_Agent": UP, "Origin": UP, "X_Forwarded_For": UP}
    good = event | {"timestamp": None}
    reply = collector.post("/v1/batch", {"batch": [event, good], "context": {UP: UP}}, **headers)
    assert (reply.status, reply.json["accepted"]) == (200, 1)
    for path in (f"/v1/batch/{UP}", "/v1/batch%2f..%2f..", "/../../v1/batch", f"/{UP}.x/tp2"):
        collector.post(path, {"batch": [good], "data": [good]}, **headers)
    for key in (UP, f"/{UP}", "..", "a\0b"):
        assert collector.post("/v1/batch", {"batch": [good]}, key=key).status == 401
    assert collector.stop() == 0
    landing = collector.home / "landing"
    files = [str(path.relative_to(landing)) for path in landing.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [each for each in files if not any(re.fullmatch(one, each) for one in PLACES)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert [path.name for path in collector.home.iterdir()] == ["landing"]
