"""The site of one test: files in its landing, loads, and the rows of raw."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ingestion.loading.pipeline import LoadReport, load
from ingestion.settings import Settings
from warehouse.connection import connect, writer_lock

CHECKOUT = Path(__file__).parents[3]
RECEIVED = "2026-03-01T10:00:00.000000Z"
Row = tuple[Any, ...]


def event(event_id: str, **fields: Any) -> dict[str, Any]:
    """A line of landing/events as the collector writes it."""
    return {
        "event_id": event_id,
        "source_id": "web",
        "type": "track",
        "event_name": "checkout_clicked",
        "user_id": "u1",
        "anonymous_id": None,
        "group_id": None,
        "previous_id": None,
        "original_timestamp": None,
        "sent_at": None,
        "received_at": RECEIVED,
        "properties": {"value": "annual"},
        "traits": {},
        "context": {},
        "request": {"protocol": "segment"},
    } | fields


def refused(refused_id: str, **fields: Any) -> dict[str, Any]:
    """A line of landing/quarantine as the collector writes it."""
    return {
        "refused_id": refused_id,
        "source_id": "web",
        "event_id": None,
        "reason": "too_large",
        "detail": "",
        "received_at": RECEIVED,
        "body": "{",
        "body_base64": None,
        "request": {},
    } | fields


def ndjson(lines: Iterable[dict[str, Any]]) -> bytes:
    """Lines as a file holds them."""
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


class Site:
    """A home of its own."""

    def __init__(self, home: Path, **settings: Any) -> None:
        """Nothing is made before the first file or load."""
        self.settings = Settings(home=home, **settings)
        self.landing = Path(self.settings.landing.removeprefix("file://"))

    def land(self, name: str, content: bytes | Iterable[dict[str, Any]]) -> Path:
        """Publish a file the way an importer does: write beside, rename; gzip by its suffix."""
        data = content if isinstance(content, bytes) else ndjson(content)
        if name.endswith(".gz") and not data.startswith(b"\x1f\x8b"):
            data = gzip.compress(data, 1, mtime=0)
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}")
        hidden.write_bytes(data)
        return hidden.rename(path)

    def vouch(self, name: str, lines: int, **lies: Any) -> Path:
        """Put the collector's manifest of a landed file beside it."""
        data = (self.landing / name).read_bytes()
        manifest = {
            "segment": name,
            "lines": lines,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "received": {"web": {"2026-03-01": lines}},
        } | lies
        leaf = hashlib.sha256(name.encode()).hexdigest()[:16]
        return self.land(f"manifest/date=2026-03-01/{leaf}.json", json.dumps(manifest).encode())

    def load(self) -> LoadReport:
        """Load what is pending, under the lock."""
        with writer_lock(self.settings):
            return load(self.settings)

    def query(self, sql: str) -> list[Row]:
        """Rows of the warehouse."""
        with connect(self.settings, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def ids(self) -> list[str]:
        """The ids in raw.events, of completed loads, sorted."""
        rows = self.query(
            "select event_id from raw.events where _dlt_load_id in"
            " (select load_id from raw._dlt_loads where status = 0) order by event_id"
        )
        return [str(event_id) for (event_id,) in rows]

    def reasons(self) -> list[tuple[int, str]]:
        """Line and reason of all bad lines."""
        rows = self.query("select _line, reason from raw.bad_lines order by _file, _line")
        return [(int(line), str(reason)) for line, reason in rows]


def start_python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs a script from the checkout."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=CHECKOUT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
