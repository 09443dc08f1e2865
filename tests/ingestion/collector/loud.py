"""A collector at debug level, with defects that certain events set off.

Each defect puts what it was working on into the words of its error, as careless code does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Any
from unittest.mock import patch

from ingestion.collector import __main__, logs
from ingestion.collector.journal import Journal
from ingestion.facts.envelope import encode_line
from ingestion.protocols import validation

#: Names of events → what they break.
REQUEST, TASK, THREAD = "break_the_request", "break_a_task", "break_the_thread"

_commit = Journal._commit


async def _fail(line: Any) -> None:
    raise RuntimeError(repr(line))


def _encode_or_break(line: Any) -> bytes:
    if line.event_name == TASK:
        # Nobody waits for it: asyncio itself tells of its end.
        asyncio.get_running_loop().create_task(_fail(line))
    if line.event_name == REQUEST:
        try:
            raise KeyError(repr(line))
        except KeyError as error:
            raise RuntimeError(repr(line)) from error
    return encode_line(line)


def _commit_or_break(self: Journal, group: Any) -> Any:
    if any(THREAD.encode() in entry.lines["events"] for entry in group):
        raise RuntimeError(repr([entry.lines for entry in group]))
    return _commit(self, group)


def _configure_loudly() -> None:
    logs.configure(logging.DEBUG)


def _break_the_start(*arguments: Any) -> None:
    raise RuntimeError(repr(arguments))


# What is printed counts as logged.
os.dup2(2, 1)
patch.object(validation, "encode_line", _encode_or_break).start()
patch.object(Journal, "_commit", _commit_or_break).start()
patch.object(__main__, "configure", _configure_loudly).start()
if sys.argv[1:] == ["break_the_start"]:
    patch.object(__main__, "run", _break_the_start).start()

__main__.leave(__main__.main())
