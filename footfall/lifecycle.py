"""The ends and splits of a process: exit, SIGTERM, fork."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from types import FrameType
from typing import Final, Protocol

#: Seconds that SIGTERM waits for all clients together; orchestrators kill after 10 to 30.
SIGTERM_SECONDS: Final = 5.0


class Member(Protocol):
    """What the end of a process asks of a client."""

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is there."""

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is there and stop."""

    def restart_in_child(self) -> None:
        """Begin anew in a forked child."""


_members: list[Member] = []
#: All clients there are, also those shut down: a fork may find their locks taken too.
_forked_with: weakref.WeakSet[Member] = weakref.WeakSet()
_hooked = False
_previous_sigterm: signal._HANDLER = None


def join(member: Member, *, on_sigterm: bool) -> None:
    """Have a client told of the ends of this process, until it leaves."""
    global _hooked
    _members.append(member)
    _forked_with.add(member)
    if not _hooked:
        _hooked = True
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_in_child)
    if on_sigterm:
        _take_sigterm()


def leave(member: Member) -> None:
    """Forget a client; with the last one SIGTERM becomes what it was."""
    if member in _members:
        _members.remove(member)
    if not _members:
        _return_sigterm()


def hook_worker_exit() -> None:
    """See to it that a multiprocessing worker flushes too: it ends without running atexit.

    To be called in the worker itself, after the fork: multiprocessing forgets what was
    registered before.
    """
    process = sys.modules.get("multiprocessing.process")
    util = sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=0)


def _at_exit() -> None:
    for member in list(_members):
        member.shutdown()


def _in_child() -> None:
    for member in list(_forked_with):
        member.restart_in_child()


def _take_sigterm() -> None:
    global _previous_sigterm
    if threading.current_thread() is not threading.main_thread():
        return  # Python sets signal handlers on the main thread only
    handler = signal.getsignal(signal.SIGTERM)
    # None: set by something other than Python, so it could not be called afterwards.
    if handler in (None, signal.SIG_IGN, _on_sigterm):
        return
    _previous_sigterm = handler
    signal.signal(signal.SIGTERM, _on_sigterm)


def _return_sigterm() -> None:
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is _on_sigterm
    ):
        signal.signal(signal.SIGTERM, _previous_sigterm)


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    until = time.monotonic() + SIGTERM_SECONDS
    for member in list(_members):
        member.flush(max(until - time.monotonic(), 0.0))
    if callable(_previous_sigterm):
        # It may go on for a while, so the clients stay open; atexit comes after it.
        _previous_sigterm(signum, frame)
        return
    previous = _previous_sigterm
    for member in list(_members):
        member.shutdown(0.0)
    signal.signal(signal.SIGTERM, previous)
    os.kill(os.getpid(), signal.SIGTERM)
