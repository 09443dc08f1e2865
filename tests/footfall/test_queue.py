from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from footfall.batch import Batch
from footfall.counts import Stats
from footfall.queue import MAX_BATCH_BYTES, EventQueue
from tests.footfall.endpoint import PATIENCE_SECONDS, eventually


def queue_of(*bodies: bytes, max_events: int = 1000, max_bytes: int = 10**9) -> EventQueue:
    queue = EventQueue(max_events=max_events, max_bytes=max_bytes)
    for body in bodies:
        assert queue.put(body) is None
    return queue


def waits_on(condition: threading.Condition) -> bool:
    """Whether a thread is waiting, that is, has looked and found nothing to do yet."""
    return bool(condition._waiters)  # type: ignore[attr-defined]


def take(queue: EventQueue, max_events: int = 100, linger: float = 0.0) -> Batch:
    batch = queue.take(max_events=max_events, linger=linger, idle=0.0)
    assert batch is not None
    return batch


def total(stats: Stats) -> int:
    return stats.sent + stats.spooled + sum(stats.dropped.values()) + stats.pending


@contextmanager
def in_thread(work: object) -> Iterator[threading.Thread]:
    assert callable(work)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield thread
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_events_leave_in_the_order_they_came() -> None:
    queue = queue_of(b"1", b"2", b"3")
    assert take(queue, 2).bodies == [b"1", b"2"]
    assert take(queue, 2).bodies == [b"3"]


def test_a_batch_holds_no_more_bytes_than_the_endpoint_takes() -> None:
    size = MAX_BATCH_BYTES // 4
    queue = queue_of(*[b"x" * size] * 5)
    assert [len(take(queue).events), len(take(queue).events)] == [3, 2]


def test_a_full_batch_does_not_linger() -> None:
    queue = queue_of(b"1", b"2")
    assert take(queue, max_events=2, linger=1000.0).bodies == [b"1", b"2"]


def test_a_full_batch_ends_a_linger_that_has_begun() -> None:
    queue = queue_of(b"1")
    taken: list[Batch] = []
    with in_thread(lambda: taken.append(take(queue, max_events=2, linger=1000.0))):
        queue.put(b"2")
    assert taken[0].bodies == [b"1", b"2"]


def test_a_flush_ends_a_linger_that_has_begun() -> None:
    queue = queue_of(b"1")
    taken: list[Batch] = []
    with in_thread(lambda: taken.append(take(queue, linger=1000.0))):
        queue.flush(0.0)
    assert taken[0].bodies == [b"1"]


def test_closing_ends_a_linger_and_an_idle_wait() -> None:
    queue = queue_of(b"1")
    taken: list[Batch | None] = []

    def take_twice() -> None:
        for _ in range(2):
            taken.append(queue.take(max_events=9, linger=1000.0, idle=1000.0))

    with in_thread(take_twice):
        queue.close(10.0)
    assert taken[0] is not None
    assert taken[1] is None


def test_an_empty_queue_gives_nothing_after_the_idle_time() -> None:
    assert queue_of().take(max_events=1, linger=0.0, idle=0.0) is None


@pytest.mark.parametrize("bounds", [{"max_events": 2}, {"max_bytes": 6}])
def test_a_full_queue_drops_the_newcomer(bounds: dict[str, int]) -> None:
    queue = queue_of(b"one", b"two", **bounds)
    assert queue.put(b"three") == "queue_full"
    assert queue.stats() == Stats(3, 0, 0, {"queue_full": 1}, 2, 0)
    assert take(queue).bodies == [b"one", b"two"]
    assert queue.put(b"four") is None


def test_a_blocked_call_goes_on_when_there_is_room() -> None:
    queue = queue_of(b"1", max_events=1)
    with in_thread(lambda: queue.put(b"2", block=True)) as thread:
        assert thread.is_alive()
        take(queue)
    assert take(queue).bodies == [b"2"]


def test_a_blocked_call_ends_when_the_queue_closes() -> None:
    queue = queue_of(b"1", max_events=1)
    reasons: list[str | None] = []
    with in_thread(lambda: reasons.append(queue.put(b"2", block=True))):
        queue.close(0.0)
    assert reasons == ["closed"]
    assert queue.stats().dropped == {"closed": 1}


def test_flush_waits_for_what_was_put_before_it_and_for_nothing_later() -> None:
    queue = queue_of(b"1")
    old = take(queue)
    results: list[bool] = []
    with in_thread(lambda: results.append(queue.flush(PATIENCE_SECONDS))):
        eventually(lambda: queue._flushes)
        queue.put(b"2")
        newer = take(queue)
        eventually(lambda: waits_on(queue._settled))
        queue.settle(newer, sent=1)
        eventually(lambda: waits_on(queue._settled))
        assert results == []
        queue.put(b"3")
        queue.settle(old, sent=1)
    assert results == [True]
    assert queue.stats().pending == 1


def test_flush_is_false_when_the_time_is_up() -> None:
    assert queue_of(b"1").flush(0.0) is False
    assert queue_of().flush(0.0) is True


def test_a_batch_that_is_put_back_is_the_next_again() -> None:
    queue = queue_of(b"1", b"2", b"3")
    queue.put_back(take(queue, 2))
    assert take(queue, 3).bodies == [b"1", b"2", b"3"]


def test_what_was_put_back_takes_up_room_again() -> None:
    queue = queue_of(b"one", b"two", max_bytes=6)
    queue.put_back(take(queue))
    assert queue.put(b"three") == "queue_full"


def test_a_flush_by_the_thread_that_holds_the_lock_lets_the_others_work() -> None:
    # That is where a signal handler may find itself.
    queue = queue_of(b"1")
    results: list[bool] = []

    def interrupted() -> None:
        with queue._lock:
            results.append(queue.flush(PATIENCE_SECONDS))

    with in_thread(interrupted):
        eventually(lambda: queue._flushes)
        queue.settle(take(queue), sent=1)
    assert results == [True]


def test_splitting_loses_nothing() -> None:
    queue = queue_of(b"1", b"2", b"3")
    halves = queue.split(take(queue))
    assert [half.bodies for half in halves] == [[b"1"], [b"2", b"3"]]
    assert queue.stats().pending == 3
    queue.settle(halves[0], sent=1)
    assert (queue.stats().sent, queue.stats().pending) == (1, 2)


def test_a_seized_batch_is_no_longer_its_takers() -> None:
    queue = queue_of(b"1", b"2")
    batch = take(queue, 1)
    assert [rest.bodies for rest in queue.seize()] == [[b"1"], [b"2"]]
    assert queue.settle(batch, sent=1) is False
    assert queue.split(batch) == []
    queue.put_back(batch)
    assert (queue.stats().sent, queue.stats().pending) == (0, 2)


def test_the_crowd_is_taken_once_three_quarters_are_full() -> None:
    queue = queue_of(b"1", b"2", max_events=4)
    assert queue.take_crowd(10, 0.0) is None
    queue.put(b"3")
    crowd = queue.take_crowd(2, 0.0)
    assert crowd is not None
    assert crowd.bodies == [b"1", b"2"]


def test_many_large_events_are_a_crowd_too() -> None:
    queue = queue_of(b"x" * 75, max_bytes=100)
    assert queue.take_crowd(10, 0.0) is not None


def test_waiting_for_a_crowd_ends_when_it_comes_and_when_the_queue_closes() -> None:
    queue = queue_of(b"1", max_events=2)
    found: list[Batch | None] = []
    with in_thread(lambda: found.append(queue.take_crowd(10, 1000.0))):
        queue.put(b"2")
    with in_thread(lambda: found.append(queue.take_crowd(10, 1000.0))):
        queue.close(0.0)
    assert [batch is None for batch in found] == [False, True]


class TestPause:
    """How long a sender waits before it tries again."""

    def test_it_ends_by_itself(self) -> None:
        assert queue_of().pause(0.001, firm=False, patient=True) is True

    def test_a_flush_cuts_it_short(self) -> None:
        queue = queue_of(b"1")
        results: list[bool] = []
        with in_thread(lambda: results.append(queue.pause(1000, firm=False, patient=True))):
            eventually(lambda: queue.flush(0.0) or results)
        assert results == [True]

    def test_closing_allows_one_more_attempt_at_once(self) -> None:
        queue = queue_of()
        results: list[bool] = []
        with in_thread(lambda: results.append(queue.pause(1000, firm=False, patient=False))):
            eventually(lambda: waits_on(queue._due))
            queue.close(500.0)
        assert results == [True]

    def test_a_wait_the_endpoint_asked_for_is_not_cut_short_by_a_flush(self) -> None:
        queue = queue_of(b"1")
        results: list[bool] = []
        with in_thread(lambda: results.append(queue.pause(1000, firm=True, patient=True))):
            eventually(lambda: waits_on(queue._due))
            queue.flush(0.0)
            eventually(lambda: waits_on(queue._due))
            assert results == []
            queue.close(1.0)
        assert results == [False]

    def test_a_closing_queue_leaves_no_time_past_its_deadline(self) -> None:
        queue = queue_of()
        queue.close(500.0)
        assert queue.pause(0.001, firm=False, patient=True) is True
        assert queue.pause(1000, firm=False, patient=True) is False
        assert queue.pause(0.001, firm=False, patient=False) is False


def test_every_reading_adds_up_while_many_threads_work() -> None:
    queue = EventQueue(max_events=50, max_bytes=10**6)
    calls, callers = 3000, 3
    stop = threading.Event()
    readings: list[Stats] = []

    def call() -> None:
        for number in range(calls):
            queue.put(b"x")
            if number % 7 == 0:
                queue.drop_at_once("invalid")

    def send() -> None:
        turn = 0
        while not (stop.is_set() and queue.stats().pending == 0):
            batch = queue.take(max_events=10, linger=0.0, idle=0.001)
            turn += 1
            if batch is None:
                continue
            count = len(batch.events)
            if turn % 5 == 0:
                queue.put_back(batch)
            elif turn % 3 == 0:
                queue.settle(batch, spooled=count)
            elif turn % 2 == 0 and count > 1:
                for half in queue.split(batch):
                    queue.settle(half, dropped={"refused": len(half.events)})
            else:
                queue.settle(batch, sent=count)

    def read() -> None:
        while not stop.is_set():
            readings.append(queue.stats())

    callers_threads = [threading.Thread(target=call) for _ in range(callers)]
    others = [threading.Thread(target=send), threading.Thread(target=read)]
    for thread in (*others, *callers_threads):
        thread.start()
    for thread in callers_threads:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()
    last = queue.stats()
    assert last.enqueued == callers * (calls + len(range(0, calls, 7)))
    assert last.pending == 0
    assert len(readings) > 10
    assert [r for r in (*readings, last) if r.enqueued != total(r)] == []
