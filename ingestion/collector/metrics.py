"""The metrics of the collector, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The metrics of one collector, in a registry of their own, so that tests do not share them."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
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
            f"{name}_arriving_bytes", "Bytes held of bodies still arriving.", registry=registry
        )
        self.pending_bytes = Gauge(
            f"{name}_pending_bytes", "Bytes that wait to be written.", registry=registry
        )
        self.disk_free_bytes = Gauge(
            f"{name}_disk_free_bytes", "Free bytes where segments are written.", registry=registry
        )
        self.sealed = Counter(
            f"{name}_segments_sealed", "Segments put into the landing.", ["kind"], registry=registry
        )
        self.seal_failures = Counter(
            f"{name}_seal_failures", "Attempts to seal that failed.", registry=registry
        )
        self.unsealed = Gauge(
            f"{name}_segments_waiting", "Closed segments not yet sealed.", registry=registry
        )

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
