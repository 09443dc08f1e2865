from __future__ import annotations

import json
import logging
from typing import Any

import pytest

import footfall
from footfall import answer, delivery
from footfall.delivery import envelope, in_batches
from footfall.queue import MAX_BATCH_BYTES
from footfall.transport import Transport
from tests.footfall.conftest import ClientMaker
from tests.footfall.endpoint import Endpoint, Reply, eventually

pytestmark = pytest.mark.usefixtures("quick_retries")


def actions(endpoint: Endpoint) -> list[str]:
    return [event["event"] for event in endpoint.stored]


def adds_up(stats: footfall.Stats) -> bool:
    settled = stats.sent + stats.spooled + sum(stats.dropped.values())
    return stats.enqueued == settled + stats.pending


def test_a_tracked_event_arrives(endpoint: Endpoint, make_client: ClientMaker) -> None:
    client = make_client()
    client.track("u1", "click", "buy", {"plan": "annual"})
    assert client.flush()
    (event,) = endpoint.stored
    assert (event["userId"], event["event"]) == ("u1", "click")
    assert event["properties"] == {"plan": "annual", "value": "buy"}
    assert client.stats() == footfall.Stats(1, 1, 0, {}, 0, 0)


def test_events_are_sent_without_a_flush(endpoint: Endpoint, make_client: ClientMaker) -> None:
    make_client(flush_interval=0.01).track("u1", "click")
    endpoint.wait_for_events(1)


def test_a_batch_holds_no_more_events_than_asked_for(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    client = make_client(batch_size=10, flush_interval=1000.0)
    for number in range(35):
        client.track("u1", f"step_{number}")
    assert client.flush()
    assert actions(endpoint) == [f"step_{number}" for number in range(35)]
    assert [len(request.events) for request in endpoint.requests] == [10, 10, 10, 5]


def test_a_batch_of_large_events_stays_under_the_endpoints_limit(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    client = make_client(batch_size=100, gzip=False, flush_interval=1000.0)
    for _ in range(40):
        client.track("u1", "upload", "x" * 30_000)
    assert client.flush()
    assert len(endpoint.stored) == 40
    assert max(len(request.body) for request in endpoint.requests) <= 500 * 1024
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(
    endpoint: Endpoint, make_client: ClientMaker, status: int
) -> None:
    endpoint.reply(*[Reply(status)] * 3)
    client = make_client()
    client.track("u1", "click")
    endpoint.wait_for_events(1)
    assert client.flush()
    assert [request.status for request in endpoint.requests] == [status] * 3 + [200]
    assert client.stats() == footfall.Stats(1, 1, 0, {}, 0, 0)


def test_every_attempt_has_its_own_sent_at_and_the_same_event(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.reply(Reply(503), Reply(503))
    client = make_client()
    client.track("u1", "click")
    endpoint.wait_for_events(1)
    sent_at = [request.sent_at for request in endpoint.requests]
    assert sent_at == sorted(set(sent_at))
    assert len(sent_at) == 3
    first, second, third = (request.events for request in endpoint.requests)
    assert first == second == third
    assert first[0]["timestamp"] < sent_at[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415])
def test_a_final_refusal_is_counted_with_its_status_and_not_repeated(
    endpoint: Endpoint, make_client: ClientMaker, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.reply(Reply(status))
    client = make_client()
    client.track("u1", "click")
    assert client.flush()
    assert len(endpoint.requests) == 1
    assert client.stats() == footfall.Stats(1, 0, 0, {f"http_{status}": 1}, 0, 0)
    assert f"http_{status}" in caplog.text


def test_the_events_an_answer_refuses_are_counted(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    refused = [{"index": 1, "event_id": "e", "reason": "invalid_id"}]
    endpoint.reply(Reply(200, {"success": True, "accepted": 2, "refused": refused}))
    client = make_client(batch_size=3, flush_interval=1000.0)
    for _ in range(3):
        client.track("u1", "click")
    assert client.flush()
    stats = client.stats()
    assert stats.dropped == {"refused": 1}
    assert adds_up(stats)


def test_a_batch_that_is_too_big_is_split_until_it_fits(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    # 8 → 413; 4 → 413; 2 and 2 pass; 4 pass
    endpoint.reply(Reply(413), Reply(413))
    client = make_client(batch_size=8, flush_interval=1000.0)
    for number in range(8):
        client.track("u1", f"step_{number}")
    assert client.flush()
    assert [len(request.events) for request in endpoint.requests] == [8, 4, 2, 2, 4]
    assert actions(endpoint) == [f"step_{number}" for number in range(8)]
    assert client.stats() == footfall.Stats(8, 8, 0, {}, 0, 0)


def test_an_event_the_endpoint_finds_too_big_alone_costs_no_other(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.reply(Reply(413), Reply(413))
    client = make_client(batch_size=2, flush_interval=1000.0)
    client.track("u1", "huge")
    client.track("u1", "small")
    assert client.flush()
    assert client.stats().dropped == {"too_large": 1}
    assert "small" in actions(endpoint)


def test_a_batch_that_always_meets_a_fault_does_not_stop_the_next(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.reply(*[Reply(500)] * answer.MAX_FAULTS)
    client = make_client(batch_size=1)
    client.track("u1", "poison")
    client.track("u1", "click")
    endpoint.wait_for_events(1)
    assert client.flush()
    assert actions(endpoint)[0] == "click"
    assert client.stats().dropped == {"endpoint_fault": 1}


def test_an_endpoint_that_is_away_is_waited_for(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.reply(*[Reply(503)] * (answer.MAX_FAULTS * 2))
    client = make_client()
    client.track("u1", "click")
    endpoint.wait_for_events(1)
    assert client.flush()
    assert client.stats().dropped == {}


def test_retry_after_is_obeyed(
    endpoint: Endpoint, make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.reply(Reply(429, headers={"Retry-After": "17"}), Reply(503))
    client = make_client()
    pauses: list[tuple[float, bool]] = []

    def pause(seconds: float, *, firm: bool, patient: bool) -> bool:
        pauses.append((seconds, firm))
        return True

    monkeypatch.setattr(client._queue, "pause", pause)
    client.track("u1", "click")
    assert client.flush()
    assert pauses[0] == (17.0, True)
    assert pauses[1][0] <= answer.LONGEST_PAUSE_SECONDS
    assert pauses[1][1] is False


def test_flush_returns_when_sending_fails(make_client: ClientMaker, free_port: int) -> None:
    client = make_client(host=f"http://127.0.0.1:{free_port}")
    client.track("u1", "click")
    assert client.flush(0.05) is False
    assert client.stats().pending == 1


def test_flush_returns_when_the_endpoint_is_silent(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.hold()
    client = make_client()
    client.track("u1", "click")
    assert client.flush(0.05) is False
    endpoint.release()
    assert client.flush() is True


def test_an_endpoint_that_comes_back_gets_everything(
    make_client: ClientMaker, free_port: int
) -> None:
    client = make_client(host=f"http://127.0.0.1:{free_port}")
    for _ in range(5):
        client.track("u1", "click")
    assert client.flush(0.05) is False
    late = Endpoint(free_port)
    try:
        assert client.flush() is True
        assert len(late.stored) == 5
    finally:
        late.close()


def test_a_fault_in_the_sender_costs_one_batch_and_not_the_thread(
    endpoint: Endpoint,
    make_client: ClientMaker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make_client(batch_size=1)
    original, calls = Transport.post, []

    def post(self: Transport, body: bytes, **options: Any) -> Any:
        calls.append(body)
        if len(calls) <= answer.MAX_FAULTS:
            raise ValueError("a bug")
        return original(self, body, **options)

    monkeypatch.setattr(Transport, "post", post)
    client.track("u1", "first")
    client.track("u1", "second")
    assert client.flush()
    assert "second" in actions(endpoint)
    assert client.stats().dropped == {"endpoint_fault": 1}
    assert "a bug" in caplog.text


def test_a_fault_outside_an_attempt_costs_one_batch_and_not_the_thread(
    endpoint: Endpoint, make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FAULT_PAUSE_SECONDS", 0.0)
    client = make_client(batch_size=1)
    original = delivery.Delivery._deliver

    def deliver(self: delivery.Delivery, batch: Any) -> bool:
        if b"first" in batch.bodies[0]:
            raise ValueError("a bug")
        return original(self, batch)

    monkeypatch.setattr(delivery.Delivery, "_deliver", deliver)
    client.track("u1", "first")
    client.track("u1", "second")
    assert client.flush()
    assert client.stats().dropped == {"client_fault": 1}
    assert "second" in actions(endpoint)


class TestReportOfDrops:
    """The event by which the warehouse learns that others are missing."""

    def test_it_says_how_many_were_dropped_and_why(
        self, endpoint: Endpoint, make_client: ClientMaker
    ) -> None:
        client = make_client(flush_interval=1000.0)
        client.track(None, "click")
        client.track("u1", "upload", "x" * 40_000)
        client.track("u1", "click")
        assert client.flush()
        endpoint.wait_for_events(2)
        report = endpoint.stored[1]
        assert report["event"] == "footfall_events_dropped"
        assert report["anonymousId"] == "footfall-client"
        assert report["properties"] == {"value": 2, "invalid": 1, "too_large": 1}
        assert report["context"]["footfall"]["process"]
        eventually(lambda: client.stats() == footfall.Stats(
            4, 2, 0, {"invalid": 1, "too_large": 1}, 0, 0
        ))  # fmt: skip

    def test_it_is_not_sent_while_nothing_was_dropped(
        self, endpoint: Endpoint, make_client: ClientMaker
    ) -> None:
        with make_client() as client:
            client.track("u1", "click")
        assert actions(endpoint) == ["click"]

    def test_it_comes_once_a_minute_and_once_more_at_the_end(
        self, endpoint: Endpoint, make_client: ClientMaker
    ) -> None:
        client = make_client()
        for _ in range(5):
            client.track(None, "invalid")
            client.track("u1", "click")
            assert client.flush()
        client.shutdown()
        reports = [e["properties"] for e in endpoint.stored if e["event"] != "click"]
        assert [report["value"] for report in reports] == [1, 5]
        assert adds_up(client.stats())

    def test_it_comes_at_the_end_even_where_every_event_was_dropped(
        self, endpoint: Endpoint, make_client: ClientMaker
    ) -> None:
        with make_client() as client:
            client.track(None, "click")
        assert actions(endpoint) == ["footfall_events_dropped"]

    def test_it_is_not_sent_to_an_endpoint_that_takes_nothing(
        self, endpoint: Endpoint, make_client: ClientMaker
    ) -> None:
        endpoint.default = Reply(401)
        with make_client() as client:
            client.track("u1", "click")
        assert len(endpoint.requests) == 1


def test_no_log_line_holds_a_key_or_a_payload(
    endpoint: Endpoint,
    make_client: ClientMaker,
    free_port: int,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.reply(Reply(503), Reply(413), Reply(400), Reply(200, b"strange"))
    for host in (None, f"http://127.0.0.1:{free_port}"):
        client = make_client("s3cret-key", host, debug=True, batch_size=2, spool_dir=tmp_path)
        for _ in range(4):
            client.track("private-user", "private-action", "private-value", {"private": 1})
        client.track(["private-user"], "private-action")  # type: ignore[arg-type]
        client.track("private-user", "private-action", timestamp="private-time")
        client.track("private-user", "private-action", "private" * 9000)
        client.flush(0.3)
        client.shutdown(0.1)
    assert len(caplog.records) > 5
    assert "s3cret" not in caplog.text
    assert "private" not in caplog.text


def test_the_envelope_is_json_with_a_sent_at() -> None:
    written = json.loads(envelope([b'{"n":1}', b'{"n":2}']))
    assert written["batch"] == [{"n": 1}, {"n": 2}]
    assert written["sentAt"].endswith("Z")
    assert set(written) == {"batch", "sentAt"}


def test_pieces_of_a_chunk_fit_into_one_request_each() -> None:
    bodies = [b"x" * (MAX_BATCH_BYTES // 3)] * 4 + [b"y"] * 5
    pieces = list(in_batches(bodies, 4))
    assert [body for piece in pieces for body in piece] == bodies
    assert max(len(b"".join(piece)) for piece in pieces) <= MAX_BATCH_BYTES
    assert [len(piece) for piece in pieces] == [2, 4, 3]
