"""The metrics of the collector, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


class Metrics:
    """The metrics of one collector, in a registry of their own, so that tests do not share them.

    ``shared`` is the folder in which several processes keep theirs; then those of all are shown.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self.registry = registry = CollectorRegistry()
        self._shown = registry
        if shared:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown, path=str(shared))  # type: ignore[no-untyped-call]
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        name = "footfall_collector"
        self.requests = Counter(
            f"{name}_requests", "Requests answered.", ["endpoint", "status"], registry=registry
        )
        self.accepted = Counter(
            f"{name}_events_accepted",
            "Events stored and acknowledged.",
            ["source"],
            registry=registry,
        )
        self.refused = Counter(
            f"{name}_events_refused",
            "Events quarantined, by reason.",
            ["source", "reason"],
            registry=registry,
        )
        self.erased = Counter(
            f"{name}_events_erased",
            "Events acknowledged and counted, but not kept: their person was erased.",
            ["source"],
            registry=registry,
        )
        self.unknown_keys = Counter(
            f"{name}_unknown_keys",
            "Requests with a missing or unknown write key; nothing of them is stored.",
            registry=registry,
        )
        self.rate_limited = Counter(
            f"{name}_events_rate_limited",
            "Events answered with 429; nothing of them is stored.",
            ["source"],
            registry=registry,
        )
        self.keys_file_failures = Counter(
            f"{name}_keys_file_failures",
            "New write keys files that could not be used; the old keys stayed.",
            registry=registry,
        )
        self.keys_file_usable = Gauge(
            f"{name}_keys_file_usable",
            "1 while the keys in use are those of the file, 0 while the file is broken.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.keys_file_usable.set(1)
        self.commits = Counter(
            f"{name}_commits", "Groups of requests that shared one fsync.", registry=registry
        )
        self.fsync_seconds = Histogram(
            f"{name}_fsync_seconds",
            "Time of one commit's fsync calls.",
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
            registry=registry,
        )
        self.write_failures = Counter(
            f"{name}_write_failures", "Commits that the disk failed.", registry=registry
        )
        self.arriving_bytes = Gauge(
            f"{name}_arriving_bytes",
            "Bytes held of bodies still arriving.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.pending_bytes = Gauge(
            f"{name}_pending_bytes",
            "Bytes that wait to be written.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.disk_free_bytes = Gauge(
            f"{name}_disk_free_bytes",
            "Free bytes where segments are written.",
            multiprocess_mode="livemostrecent",
            registry=registry,
        )
        self.sealed = Counter(
            f"{name}_segments_sealed", "Segments put into the landing.", ["kind"], registry=registry
        )
        self.seal_failures = Counter(
            f"{name}_seal_failures", "Attempts to seal that failed.", registry=registry
        )
        self.unsealed = Gauge(
            f"{name}_segments_waiting",
            "Closed segments not yet sealed.",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def follow(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Show in a gauge what ``value`` returns when the metrics are asked for."""
        self._followed.append((gauge, value))

    def refresh(self) -> None:
        """Set the gauges that follow a value."""
        for gauge, value in self._followed:
            gauge.set(value())

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        self.refresh()
        return generate_latest(self._shown)
