"""Several collectors on one port and one home: a parent that starts them, and replaces the dead.

Each has a journal and a sealer of its own; the kernel spreads connections over them. What a dead
one left open is sealed by the one that replaces it, or at the next start, however many then run.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Final

from prometheus_client import multiprocess

from ingestion.collector.sealer import CLOSING_SECONDS
from ingestion.collector.server import check_port, prepare
from ingestion.settings import Settings

logger = logging.getLogger(__name__)

#: Seconds before a dead collector is replaced, so that one that cannot run does not use a core.
REPLACE_SECONDS: Final = 1.0
#: Seconds that one may take to stop: more than it waits for its last segments to be sealed.
STOP_SECONDS: Final = CLOSING_SECONDS + 15
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def supervise(settings: Settings) -> None:
    """Run FOOTFALL_COLLECTOR_PROCESSES collectors until SIGTERM or SIGINT, then stop them all.

    Raises what ``run`` raises before any of them listens.
    """
    prepare(settings)
    check_port(settings.host, settings.port)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    # Its read end is every worker's standard input, which ends when this process does.
    lifeline, held = os.pipe()
    with tempfile.TemporaryDirectory(prefix="footfall-collector-") as shared:
        workers = [_start(shared, lifeline) for _ in range(settings.collector_processes)]
        while (told := signal.sigwait(_SIGNALS)) not in (signal.SIGTERM, signal.SIGINT):
            if told == signal.SIGHUP:
                _tell(workers, told)
                continue
            for place, worker in enumerate(workers):
                if worker.poll() is not None:
                    logger.error("process %d ended with %d", worker.pid, worker.returncode)
                    multiprocess.mark_process_dead(worker.pid, path=shared)  # type: ignore[no-untyped-call]
                    time.sleep(REPLACE_SECONDS)
                    workers[place] = _start(shared, lifeline)
        stop(workers, STOP_SECONDS)
    os.close(held)
    os.close(lifeline)


def _start(shared: str, lifeline: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ingestion.collector", shared],
        stdin=lifeline,
        # The name is that of prometheus_client, which then keeps its values in files.
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": shared},
    )


def stop(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Let them seal and end; kill one that has not after so long. The next start seals the rest.

    One that aborts writes to the log what each of its threads was doing.
    """
    _tell(workers, signal.SIGTERM)
    until = time.monotonic() + seconds
    for worker in workers:
        for last in (signal.SIGABRT, signal.SIGKILL):
            try:
                worker.wait(max(1.0, until - time.monotonic()))
                break
            except subprocess.TimeoutExpired:
                logger.error("process %d does not stop: %s", worker.pid, last.name)
                worker.send_signal(last)
        worker.wait()


def _tell(workers: list[subprocess.Popen[bytes]], signum: int) -> None:
    for worker in workers:
        worker.send_signal(signum)


def share_of(settings: Settings) -> Settings:
    """The settings of one of the processes: bounds on all of them are divided."""
    among = settings.collector_processes
    return settings.model_copy(
        update={
            "connections": max(16, settings.connections // among),
            "pending_bytes": max(1024 * 1024, settings.pending_bytes // among),
        }
    )
