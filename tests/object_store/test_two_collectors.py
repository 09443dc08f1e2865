"""Two collectors, each with a journal of its own, fill one bucket: one ledger explains all."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb

from tests.object_store.conftest import Start, send
from tests.object_store.server import Bucket, Cut, Fault, Request
from tests.test_end_to_end import Site, environment
from tests.warm import run_module


def test_one_ledger_explains_what_two_collectors_received(
    bucket: Bucket, collectors: Start, tmp_path: Path
) -> None:
    """One is killed while its segment arrives, after its manifest. A sender whose answer was lost
    sends its event again, and reaches the other one."""
    site = Site(tmp_path / "warehouse")
    one, other = (collectors(home, FOOTFALL_SEGMENT_SECONDS="0.05") for home in ("one", "other"))
    reached, killed = threading.Event(), threading.Event()

    def dying(request: Request) -> Fault:
        is_of_one = f"-{one.process.pid}-" in request.key
        if is_of_one and request.method == "PUT" and request.key.startswith("landing/events/"):
            reached.set()
            killed.wait()
            return Cut.BEFORE
        return None

    bucket.store.fault = dying
    for number in range(5):
        send(one, f"one-{number}")
        send(other, f"other-{number}")
    send(one, "sent twice")
    send(other, "sent twice")
    reached.wait()
    one.kill()
    killed.set()
    bucket.store.fault = lambda request: None
    for collector in (collectors("one"), other):
        assert collector.stop() == 0
        assert collector.open_files() == []

    variables = environment(site.settings) | {"FOOTFALL_LANDING_URL": bucket.landing_url}
    done = run_module("orchestration", "nightly", environment=variables)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(site.settings.published), read_only=True) as published:
        # Two rows, if midnight was meanwhile.
        ledger = published.execute(
            "select source_id, sum(received), sum(loaded), sum(duplicates), sum(counted),"
            " sum(abs(unexplained)) from marts.ledger group by source_id"
        )
        assert ledger.fetchall() == [("web", 12, 12, 1, 11, 0)]
        events = published.execute("select event_id from marts.fct_events order by 1").fetchall()
    sent = [f"{each}-{number}" for each in ("one", "other") for number in range(5)]
    assert [event_id for (event_id,) in events] == [*sent, "sent twice"]
