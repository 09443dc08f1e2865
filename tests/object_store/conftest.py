"""A bucket for each test, on one S3 server, which every process of the test finds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ingestion.collector.live import LiveCollector
from tests.ingestion.collector.test_durability import batch
from tests.object_store.server import Bucket, ObjectStore

Start = Callable[..., LiveCollector]
_numbers = itertools.count()


@pytest.fixture(scope="session")
def store() -> Iterator[ObjectStore]:
    """The server, for all tests of a worker."""
    store = ObjectStore()
    with store.running():
        yield store


@pytest.fixture
def bucket(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket. Programs that a test starts reach it by the variables that AWS documents."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-word")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # A machine's own files, and the metadata service that a virtual machine of AWS would ask.
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store.requests.clear()
    bucket = Bucket(store, f"bucket-{next(_numbers)}")
    bucket.make()
    yield bucket
    store.fault = lambda request: None


@pytest.fixture
def collectors(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts collectors on this bucket, each on a home of its own name."""
    # botocore's attempts; with its five, each of which s3fs makes five times, a test takes minutes.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    started: list[LiveCollector] = []

    def start(home: str, **variables: str) -> LiveCollector:
        variables = {"FOOTFALL_LANDING_URL": bucket.landing_url, **variables}
        collector = LiveCollector(tmp_path / home, variables)
        started.append(collector)
        return collector.start()

    yield start
    # Nothing may wait for a fault any more.
    bucket.store.fault = lambda request: None
    for collector in started:
        if collector.process.poll() is None:
            collector.kill()
        collector.process.stderr.close()  # type: ignore[union-attr]


def send(collector: LiveCollector, *ids: str) -> None:
    assert collector.post("/v1/batch", batch(*ids)).status == 200
