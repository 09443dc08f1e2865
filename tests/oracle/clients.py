"""Client processes: which of the events that a client numbered never came."""

from __future__ import annotations

from typing import Any

from tests.oracle.events import Arrival, Event


def client_processes(received: list[Arrival], events: list[Event]) -> list[dict[str, Any]]:
    """One row per source and process of a client that numbers its events."""
    occurred_at = {event.event_id: event.occurred_at for event in events}
    first: dict[str, Arrival] = {}
    for arrival in received:
        first.setdefault(arrival.line["event_id"], arrival)

    own: dict[tuple[str, str], list[Arrival]] = {}
    for arrival in first.values():
        process = _client(arrival).get("process")
        if process is not None:
            own.setdefault((arrival.line["source_id"], process), []).append(arrival)
    # A second call with the event_id of another has a number of its own, which came too. The load
    # that brought it first counts it.
    repeated: dict[tuple[str, str], dict[tuple[str, int], int]] = {}
    for arrival in received:
        event_id, number = arrival.line["event_id"], _client(arrival)
        if number and number != _client(first[event_id]):
            loads = repeated.setdefault((arrival.line["source_id"], number["process"]), {})
            loads.setdefault((event_id, number["sequence"]), arrival.load_number)

    rows = []
    for source_id, process in sorted({*own, *repeated}):
        arrivals = own.get((source_id, process), [])
        again = repeated.get((source_id, process), {})
        repeats = {(load, sequence) for (_, sequence), load in again.items()}
        numbers = {(a.load_number, _client(a)["sequence"]) for a in arrivals}
        last = max(number for _, number in numbers | repeats)
        moments = [occurred_at[a.line["event_id"]] for a in arrivals]
        rows.append(
            {
                "source_id": source_id,
                "client_process_id": process,
                "first_event_at": min(moments, default=None),
                "last_event_at": max(moments, default=None),
                "event_count": len(numbers),
                "refused_count": 0,
                "repeated_count": len(repeats),
                "last_sequence": last,
                "missing_count": max(last - len(numbers) - len(repeats), 0),
            }
        )
    return rows


def _client(arrival: Arrival) -> dict[str, Any]:
    return dict((arrival.line.get("context") or {}).get("footfall") or {})
