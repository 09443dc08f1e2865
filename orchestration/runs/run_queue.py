"""Which runs are running, and when a run of a terminal may begin.

Dagster counts every run that is running, also those of a terminal, so that no two of them write. If
a run dies, Dagster hears it from the process that launched the run: run monitoring asks the
launcher, and Dagster's default launcher cannot tell. A run that died together with that process, or
in a terminal, would stay recorded as running for ever, and every other run would wait for it.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import dagster as dg

from ingestion.settings import Settings
from orchestration.dagster_internals import fail_run, is_a_daemon_alive, lives
from orchestration.prepare import POOL

#: Seconds between two looks at the run that has the warehouse.
LOOK_SECONDS = 1.0
GOING = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
DEAD = "The process of this run has died, and so has the one that would have said so."


@contextmanager
def turn_of_a_terminal(
    settings: Settings, instance: dg.DagsterInstance, tell: Callable[[str], object]
) -> Iterator[None]:
    """Wait until no run has the warehouse; other terminals wait until this turn is over.

    ``tell`` is called with a message for each run that we wait for. Dagster may launch a run in the
    seconds between the last look and our start. Then the later of the two waits at `writer_lock`.
    """
    with _terminal(settings) as lock:
        if not _is_free(lock):
            tell("another terminal runs a job: waiting until it is over")
            fcntl.flock(lock, fcntl.LOCK_EX)
        told = None
        while before := _before_us(instance):
            if told != before[0].run_id:
                told = before[0].run_id
                tell(
                    f"the job {before[0].job_name} comes first: waiting until it is over "
                    f"({settings.ui_url}/runs/{told})"
                )
            time.sleep(LOOK_SECONDS)
        yield


def fail_dead_runs(settings: Settings, instance: dg.DagsterInstance) -> int:
    """Report runs that died unseen as failed, and give their number.

    They free their place in the pool and are reported like any failed run. Those of the daemon are
    retried.
    """

    def is_terminal_idle() -> bool:
        with _terminal(settings) as lock:
            return _is_free(lock)

    return _fail_dead(instance, is_terminal_idle)


def _terminal(settings: Settings) -> IO[str]:
    """The lock that a run of a terminal holds while it lives, however it ends."""
    return (settings.dagster_home / ".terminal.lock").open("a")


def _is_free(lock: IO[str]) -> bool:
    """Take the lock if nobody has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _before_us(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs that have the pool's one place, or are queued for it while a daemon is running.

    If queued runs did not count, both would begin when the place becomes free.
    """
    _fail_dead(instance, is_terminal_idle=lambda: True)
    queued = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    waiting = queued if queued and is_a_daemon_alive(instance) else []
    return [
        run
        for run in (*_going(instance), *waiting)
        if run.run_op_concurrency and POOL in (run.run_op_concurrency.all_pools or ())
    ]


def _going(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(statuses=GOING))


def _fail_dead(instance: dg.DagsterInstance, is_terminal_idle: Callable[[], bool]) -> int:
    """Report dead runs as failed. Run monitoring handles runs that are starting or stopping."""
    count = 0
    for run in _going(instance):
        if run.status != dg.DagsterRunStatus.STARTED or _lives(run, is_terminal_idle):
            continue
        # It may have ended by itself after it was listed.
        now = instance.get_run_by_id(run.run_id)
        if now and now.status == dg.DagsterRunStatus.STARTED:
            fail_run(instance, now, DEAD)
            count += 1
    return count


def _lives(run: dg.DagsterRun, is_terminal_idle: Callable[[], bool]) -> bool:
    """Ask whoever launched the run; a run of a terminal holds the lock while it lives."""
    is_alive = lives(run)
    return not is_terminal_idle() if is_alive is None else is_alive
