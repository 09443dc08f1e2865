from __future__ import annotations

import dataclasses
import logging
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import footfall
from footfall.settings import MAX_BATCH_EVENTS, Options, Settings
from tests.footfall.conftest import ClientMaker
from tests.footfall.endpoint import PATIENCE_SECONDS, Endpoint, Reply, eventually


@pytest.fixture
def configured(endpoint: Endpoint) -> Iterator[None]:
    footfall.configure(write_key="key", host=endpoint.url, flush_on_sigterm=False)
    yield
    footfall.shutdown()
    footfall._default.client = None


def adds_up(stats: footfall.Stats) -> bool:
    settled = stats.sent + stats.spooled + sum(stats.dropped.values())
    return stats.enqueued == settled + stats.pending


@pytest.mark.usefixtures("configured")
class TestModule:
    """The functions of the module, as a product calls them."""

    def test_track_takes_the_four_arguments_by_name(self, endpoint: Endpoint) -> None:
        footfall.track(
            user_id="u1", action="click", value="buy_button", extra_info={"plan": "annual"}
        )
        assert footfall.flush()
        (event,) = endpoint.stored
        assert (event["type"], event["userId"], event["event"]) == ("track", "u1", "click")
        assert event["properties"] == {"plan": "annual", "value": "buy_button"}

    def test_track_takes_the_four_arguments_by_position(self, endpoint: Endpoint) -> None:
        footfall.track("u1", "click", "buy_button", {"plan": "annual"})
        assert footfall.flush()
        assert endpoint.stored[0]["properties"] == {"plan": "annual", "value": "buy_button"}

    def test_track_takes_device_time_context_and_id_beside_them(self, endpoint: Endpoint) -> None:
        footfall.track(
            None,
            "click",
            anonymous_id="d1",
            timestamp=datetime(2026, 11, 1, tzinfo=UTC),
            context={"ip": "127.0.0.1"},
            event_id="e1",
        )
        assert footfall.flush()
        (event,) = endpoint.stored
        assert "userId" not in event
        assert event["anonymousId"] == "d1"
        assert event["timestamp"] == "2026-11-01T00:00:00.000000Z"
        assert event["context"]["ip"] == "127.0.0.1"
        assert event["messageId"] == "e1"

    def test_the_other_types_have_segments_fields(self, endpoint: Endpoint) -> None:
        footfall.identify("u1", {"plan": "annual"}, anonymous_id="d1")
        footfall.page("u1", "Pricing", {"path": "/pricing"})
        footfall.page("u1")
        footfall.screen("u1", "Home")
        footfall.group("u1", "acme", {"seats": 4})
        footfall.alias("old", "u1")
        assert footfall.flush()
        common = ("messageId", "timestamp", "context")
        events = [
            {name: value for name, value in event.items() if name not in common}
            for event in endpoint.stored
        ]
        assert events == [
            {"type": "identify", "userId": "u1", "anonymousId": "d1", "traits": {"plan": "annual"}},
            {
                "type": "page",
                "userId": "u1",
                "name": "Pricing",
                "properties": {"path": "/pricing", "name": "Pricing"},
            },
            {"type": "page", "userId": "u1", "properties": {}},
            {"type": "screen", "userId": "u1", "name": "Home", "properties": {"name": "Home"}},
            {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"seats": 4}},
            {"type": "alias", "userId": "u1", "previousId": "old"},
        ]

    def test_configuring_again_sends_what_the_former_client_holds(self, endpoint: Endpoint) -> None:
        footfall.track("u1", "before")
        footfall.configure(write_key="other", host=endpoint.url, flush_on_sigterm=False)
        assert [event["event"] for event in endpoint.stored] == ["before"]
        footfall.track("u1", "after")
        assert footfall.flush()
        assert footfall.stats() == footfall.Stats(1, 1, 0, {}, 0, 0)


def test_history_goes_where_the_endpoint_takes_history(
    endpoint: Endpoint, make_client: ClientMaker, tmp_path: Path
) -> None:
    client = make_client(historical=True)
    client.track("u1", "report_created")
    assert client.flush(PATIENCE_SECONDS)
    assert [request.path for request in endpoint.requests] == ["/v1/import"]


def test_history_on_disk_is_not_sent_on_as_news(
    endpoint: Endpoint, make_client: ClientMaker, free_port: int, tmp_path: Path
) -> None:
    down = f"http://127.0.0.1:{free_port}"
    past = make_client(host=down, historical=True, spool_dir=tmp_path, exit_timeout=0.0)
    past.track("u1", "report_created")
    past.shutdown(timeout=0.0)
    news = make_client(host=down, spool_dir=tmp_path, exit_timeout=0.0)
    news.track("u1", "report_created")
    news.shutdown(timeout=0.0)
    assert len([each for each in tmp_path.iterdir() if each.is_dir()]) == 2


def test_before_it_is_configured_the_module_records_nothing_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footfall._default, "_warned", False)
    footfall.track("u1", "click")
    footfall.track("u1", "click")
    footfall.shutdown()
    assert footfall.flush() is True
    assert footfall.stats() == footfall.Stats(0, 0, 0, {}, 0, 0)
    assert len(caplog.records) == 1


def test_what_the_caller_changes_later_does_not_change_the_event(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    client = make_client(flush_interval=1000.0)
    items = [1]
    extra_info = {"items": items}
    client.track("u1", "click", extra_info=extra_info)
    items.append(2)
    extra_info["late"] = items
    assert client.flush()
    assert endpoint.stored[0]["properties"] == {"items": [1]}


INVALID: list[dict[str, Any]] = [
    {"user_id": None, "action": "click"},
    {"user_id": "", "action": "click"},
    {"user_id": ["u1"], "action": "click"},
    {"user_id": "u1", "action": ""},
    {"user_id": "u1", "action": None},
    {"user_id": "u1", "action": 7},
    {"user_id": "u1", "action": "click", "anonymous_id": 1.5},
    {"user_id": "u1", "action": "click", "timestamp": "soon"},
    {"user_id": "u1", "action": "click", "event_id": " "},
]


@pytest.mark.parametrize("arguments", INVALID)
def test_an_invalid_event_is_dropped_with_one_log_line_and_no_exception(
    make_client: ClientMaker, caplog: pytest.LogCaptureFixture, arguments: dict[str, Any]
) -> None:
    client = make_client()
    for _ in range(3):
        client.track(**arguments)
    assert client.stats() == footfall.Stats(3, 0, 0, {"invalid": 3}, 0, 0)
    assert len(caplog.records) == 1


def test_group_and_alias_need_their_second_id(make_client: ClientMaker) -> None:
    client = make_client()
    client.group("u1", None)
    client.alias("", "u1")
    assert client.stats().dropped == {"invalid": 2}


class Hostile(dict[str, Any]):
    def __iter__(self) -> Any:
        raise RuntimeError("no")

    def keys(self) -> Any:
        raise RuntimeError("no")

    def items(self) -> Any:
        raise KeyboardInterrupt if False else RuntimeError("no")


@pytest.mark.parametrize(
    "extra_info", [Hostile(a=1), "text", 7, [1], {"f": lambda: None}, {object(): object}]
)
def test_no_extra_info_raises(
    make_client: ClientMaker, extra_info: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client()
    client.track("u1", "click", 1, extra_info)
    client.identify("u1", extra_info)
    client.page("u1", "p", extra_info)
    client.group("u1", "g", extra_info, context=extra_info)
    assert client.flush()
    stats = client.stats()
    assert adds_up(stats)
    assert stats.enqueued >= 4


def test_a_fault_of_the_client_itself_is_counted_and_logged(
    make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client()
    monkeypatch.setattr(client._composer, "compose", None)
    client.track("u1", "click")
    assert client.stats().dropped == {"client_fault": 1}
    assert "TypeError" in caplog.text


def test_a_disabled_client_does_nothing(endpoint: Endpoint, make_client: ClientMaker) -> None:
    client = make_client(enabled=False)
    client.track("u1", "click")
    client.track(None, "")
    assert client.flush()
    client.shutdown()
    assert client.stats() == footfall.Stats(0, 0, 0, {}, 0, 0)
    assert client._sender is None
    assert endpoint.requests == []


def test_a_disabled_client_needs_no_key_and_leaves_the_process_alone() -> None:
    previous = signal.getsignal(signal.SIGTERM)
    footfall.Client("", enabled=False)
    assert signal.getsignal(signal.SIGTERM) is previous


def test_a_full_queue_drops_and_does_not_block(
    endpoint: Endpoint, make_client: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.hold()
    client = make_client(max_queue_events=10, batch_size=5)
    for _ in range(100):
        client.track("u1", "click")
    stats = client.stats()
    assert stats.dropped["queue_full"] >= 100 - 10 - 5
    assert adds_up(stats)
    assert len(caplog.records) == 1
    endpoint.release()
    assert client.flush()
    assert client.stats().dropped == stats.dropped


def test_a_client_that_blocks_when_full_loses_nothing(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    client = make_client(max_queue_events=10, batch_size=5, block_when_full=True)
    for number in range(500):
        client.track("u1", f"step_{number}")
    assert client.flush()
    assert [event["event"] for event in endpoint.stored] == [f"step_{n}" for n in range(500)]


def test_a_callback_of_the_blocking_clients_own_sender_does_not_block(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    results: list[bool] = []

    def on_drop(reason: str, count: int) -> None:
        for _ in range(5):
            client.track("u1", "dropped")
        results.append(client.flush(PATIENCE_SECONDS))

    endpoint.reply(Reply(400))
    client = make_client(max_queue_events=2, batch_size=1, block_when_full=True, on_drop=on_drop)
    client.track("u1", "click")
    eventually(lambda: results)
    assert results == [False]
    assert client.flush()
    assert adds_up(client.stats())


def test_on_drop_hears_reason_and_count(endpoint: Endpoint, make_client: ClientMaker) -> None:
    heard: list[tuple[str, int]] = []
    endpoint.reply(Reply(400))
    client = make_client(
        batch_size=3, flush_interval=1000.0, on_drop=lambda *drop: heard.append(drop)
    )
    client.track(None, "click")
    for _ in range(3):
        client.track("u1", "click")
    assert client.flush()
    client.shutdown()
    client.track("u1", "late")
    assert heard == [("invalid", 1), ("http_400", 3), ("closed", 1)]


def test_a_callback_that_fails_costs_nothing(
    make_client: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    def on_drop(reason: str, count: int) -> None:
        raise RuntimeError("broken callback")

    client = make_client(on_drop=on_drop)
    client.track(None, "click")
    client.track("u1", "click")
    assert client.flush()
    assert client.stats().sent >= 1
    assert "broken callback" in caplog.text


def test_a_callback_that_drops_events_itself_is_not_called_for_them(
    make_client: ClientMaker,
) -> None:
    heard: list[str] = []

    def on_drop(reason: str, count: int) -> None:
        heard.append(reason)
        client.track(None, "again")

    client = make_client(on_drop=on_drop)
    client.track(None, "click")
    client.track(None, "click")
    assert heard == ["invalid", "invalid"]
    assert client.stats().dropped == {"invalid": 4}


def test_debug_logs_every_drop(make_client: ClientMaker, caplog: pytest.LogCaptureFixture) -> None:
    client = make_client(debug=True)
    for _ in range(3):
        client.track(None, "click")
    assert len(caplog.records) == 3


def test_debug_logs_every_answer(
    make_client: ClientMaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="footfall")
    client = make_client()
    client.track("u1", "click")
    assert client.flush()
    assert "1 events answered with 200" in caplog.text


def test_the_client_adds_no_log_handler() -> None:
    logger = logging.getLogger("footfall")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET
    assert logger.propagate


def test_shutdown_sends_what_is_there_and_later_events_are_dropped(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    client = make_client(flush_interval=1000.0)
    client.track("u1", "click")
    client.shutdown()
    assert len(endpoint.stored) == 1
    client.track("u1", "late")
    client.shutdown()
    assert client.stats() == footfall.Stats(2, 1, 0, {"closed": 1}, 0, 0)


def test_shutdown_returns_when_the_endpoint_is_silent(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.hold()
    client = make_client(batch_size=1)
    client.track("u1", "click")
    endpoint.wait_for_arrivals(1)
    client.track("u1", "click")
    client.shutdown(0.05)
    stats = client.stats()
    assert stats == footfall.Stats(2, 0, 0, {"undelivered": 2}, 0, 0)
    endpoint.release()
    assert client._sender is not None
    client._sender.join(PATIENCE_SECONDS)
    assert client.stats() == stats


@pytest.mark.usefixtures("quick_retries")
def test_shutdown_tries_again_inside_its_deadline(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.reply(*[Reply(503)] * 3)
    client = make_client(flush_interval=1000.0)
    client.track("u1", "click")
    client.shutdown(PATIENCE_SECONDS)
    assert client.stats().sent == 1


def test_shutdown_does_not_wait_past_its_deadline_for_a_retry_after(
    endpoint: Endpoint, make_client: ClientMaker
) -> None:
    endpoint.default = Reply(503, headers={"Retry-After": "300"})
    client = make_client()
    client.track("u1", "click")
    client.shutdown(PATIENCE_SECONDS)
    assert client.stats().dropped == {"undelivered": 1}
    assert len(endpoint.requests) == 1


def test_a_with_statement_shuts_the_client_down(endpoint: Endpoint) -> None:
    with footfall.Client("key", endpoint.url, flush_on_sigterm=False) as client:
        client.track("u1", "click")
    assert len(endpoint.stored) == 1


def test_where_no_thread_can_start_shutdown_sends_by_itself(
    endpoint: Endpoint, make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = make_client(block_when_full=True, max_queue_events=2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        for _ in range(3):
            client.track("u1", "click")
        assert client.flush(0.0) is False
    with monkeypatch.context() as patch:
        patch.setattr(client, "_started", lambda: False)
        client.shutdown()
    assert [event["event"] for event in endpoint.stored][:2] == ["click", "click"]
    stats = client.stats()
    assert (stats.dropped, stats.pending) == ({"queue_full": 1}, 0)


def test_where_only_one_thread_can_start_it_is_the_sender_and_the_only_one(
    endpoint: Endpoint, make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[str] = []
    original = threading.Thread.start

    def start(self: threading.Thread) -> None:
        if self.name == "footfall-overflow":
            raise RuntimeError("can't start new thread")
        if self.name == "footfall":
            started.append(self.name)
        original(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    client = make_client(spool_dir=tmp_path)
    client.track("u1", "click")
    client.track("u1", "click")
    assert client.flush()
    assert started == ["footfall"]
    assert client.stats() == footfall.Stats(2, 2, 0, {}, 0, 0)


def test_many_threads_lose_nothing(endpoint: Endpoint, make_client: ClientMaker) -> None:
    client = make_client()
    readings: list[footfall.Stats] = []

    def work(number: int) -> None:
        for step in range(300):
            client.track(f"u{number}", f"step_{step}")
            readings.append(client.stats())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(PATIENCE_SECONDS)
    events = endpoint.stored
    assert len({event["messageId"] for event in events}) == len(events) == 1200
    sequences = {event["context"]["footfall"]["sequence"] for event in events}
    assert sequences == set(range(1, 1201))
    assert all(adds_up(reading) for reading in readings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"write_key": ""}, "write_key"),
        ({"write_key": None}, "write_key"),
        ({"host": "localhost:8080"}, "host"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"batch_size": MAX_BATCH_EVENTS + 1}, "batch_size"),
        ({"max_queue_events": -1}, "max_queue_events"),
        ({"flush_interval": -0.1}, "flush_interval"),
        ({"exit_timeout": float("inf")}, "exit_timeout"),
        ({"request_timeout": 0}, "request_timeout"),
    ],
)
def test_a_bad_option_is_a_value_error_at_start(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        footfall.Client(**{"write_key": "k", "host": "http://127.0.0.1:1"} | arguments)


def test_an_unknown_option_is_a_type_error_at_start() -> None:
    with pytest.raises(TypeError, match="sample_rate"):
        footfall.Client("k", sample_rate=1)  # type: ignore[call-arg]


def test_type_checkers_know_every_setting() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(Settings)}
    written = {
        name: getattr(annotation, "__forward_arg__", annotation)
        for name, annotation in Options.__annotations__.items()
    }
    assert fields == written
