"""The output of dbt, dlt and Dagster goes to a file, so that the terminal shows only progress."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from ingestion.settings import Settings

#: Loggers whose warnings go to the terminal: what a run waits for, and what it skips.
OURS = (
    "ingestion",
    "enrichment",
    "warehouse",
    "transformation",
    "cluster",
    "publishing",
    "cohorts",
    "conversion",
    "experiments",
    "explorer",
    "orchestration",
)


def log_path(settings: Settings, name: str) -> Path:
    """The log of a job started from a terminal, or of a process of `make up`."""
    return settings.home / "logs" / f"{name}.log"


def new_log(settings: Settings, name: str) -> BinaryIO:
    """Start an empty log. It holds only the last start, so it does not grow without end.

    Every write is appended, also after an erasure has emptied the file.
    """
    path = log_path(settings, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path.open("ab")


@contextmanager
def kept_in(settings: Settings, name: str) -> Iterator[TextIO]:
    """Redirect the output of this process and its children to a log; yields the terminal.

    Our own warnings still go to the terminal's standard error.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with (
        new_log(settings, name) as log,
        open(os.dup(1), "w", buffering=1) as output,
        open(os.dup(2), "w", buffering=1) as errors,
    ):
        handler = logging.StreamHandler(errors)
        handler.setLevel(logging.WARNING)
        loggers = [logging.getLogger(name) for name in OURS]
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield output
        finally:
            for logger in loggers:
                logger.removeHandler(handler)
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(output.fileno(), 1)
            os.dup2(errors.fileno(), 2)
