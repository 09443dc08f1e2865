"""``python -m ingestion.collector``: collect until SIGTERM or Ctrl-C.

With an argument it is one of several processes; the argument is the folder that they share.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from ingestion.collector.auth import KeysUnusable
from ingestion.collector.logs import configure
from ingestion.collector.processes import share_of, supervise
from ingestion.collector.server import CannotStart, run
from ingestion.landing.store import LandingUnusable
from ingestion.settings import get_settings


def main(shared: str | None = None) -> int:
    """Run the collector; 0 after a clean stop, 2 if it cannot start, and says why."""
    settings = get_settings()
    configure()
    try:
        if shared:
            # The parent blocked its own signals, and children begin with those of their parent.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            faulthandler.enable()
            run(share_of(settings), Path(shared))
        elif settings.collector_processes > 1:
            supervise(settings)
        else:
            run(settings)
    except (KeysUnusable, LandingUnusable, CannotStart) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def leave(code: int) -> NoReturn:
    """End the process with this exit code, without finalizing the interpreter.

    The server's threads may still close connections. On Python 3.11, a thread that needs the
    interpreter while it is finalized ends the process with SIGABRT, even after a clean stop.
    """
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
