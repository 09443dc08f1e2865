"""A warehouse with the tables of raw and no loader: what each load brought, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb

from ingestion.loading.source import RAW_TABLES

Row = Mapping[str, Any]


def delivery(
    received_at: datetime,
    *,
    source: str = "web",
    event_id: str | None = None,
    original: datetime | None = None,
    sent: datetime | None = None,
    path: str | None = None,
) -> Row:
    """A row of raw.events; without clocks of a client it occurred when it was received."""
    return {
        "event_id": event_id or f"{source} {received_at} {original}",
        "source_id": source,
        "received_at": received_at,
        "original_timestamp": original,
        "sent_at": sent,
        "request": json.dumps({"path": path}),
    }


def refusal(received_at: datetime, *, source: str = "web") -> Row:
    """A row of raw.refused."""
    return {"source_id": source, "received_at": received_at, "reason": "no_id"}


class RawRows:
    """The connection to an empty warehouse; `load` puts rows into it as dlt does."""

    def __init__(self, path: str = ":memory:") -> None:
        """Make the tables."""
        self.connection = duckdb.connect(path)
        self.connection.execute("set TimeZone = 'UTC'; create schema raw")
        for table, columns in RAW_TABLES.items():
            fields = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            self.connection.execute(f"create table raw.{table} ({fields})")
        self.connection.execute(
            "create table raw._dlt_loads (load_id varchar, status bigint, inserted_at timestamptz)"
        )
        self._number = 0

    def load(
        self,
        at: datetime,
        *,
        events: Iterable[Row] = (),
        refused: Iterable[Row] = (),
        bad_lines: int = 0,
        name: str = "",
        completes: bool = True,
    ) -> None:
        """One load that begins and ends at an instant; a file is named where it brings anything."""
        load_id = str(at.timestamp())
        brought = {"events": list(events), "refused": list(refused)}
        brings = bad_lines or any(brought.values())
        self._number += bool(brings)
        load = {"load_number": self._number, "_dlt_load_id": load_id}
        if brings:
            name = name or f"events/{self._number}.ndjson"
            brought["files"] = [
                {"file": name, "kind": "events", "size_bytes": 3, "bad_count": bad_lines}
            ]
        for table, rows in brought.items():
            for row in rows:
                values = {**row, **load}
                self.connection.execute(
                    f"insert into raw.{table} ({', '.join(values)})"
                    f" values ({', '.join('?' * len(values))})",
                    list(values.values()),
                )
        if completes:
            self.connection.execute("insert into raw._dlt_loads values (?, 0, ?)", [load_id, at])
