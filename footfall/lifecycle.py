"""What clients do when the process exits, gets SIGTERM or forks."""

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
    """What a client must be able to do when the process ends."""

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is there."""

    def shutdown(self, timeout: float | None = None) -> None:
        """Send what is there and stop."""

    def restart_in_child(self) -> None:
        """Start empty in a forked child."""


_members: list[Member] = []
#: All clients, also those shut down: their locks too may be held during a fork.
_forked_with: weakref.WeakSet[Member] = weakref.WeakSet()
_hooked = False
_previous_sigterm: signal._HANDLER = None


def join(member: Member, *, on_sigterm: bool) -> None:
    """Register a client for exit, SIGTERM and fork, until it leaves."""
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
    """Unregister a client; after the last one the former SIGTERM handler is restored."""
    if member in _members:
        _members.remove(member)
    if not _members:
        _return_sigterm()


def hook_worker_exit() -> None:
    """Make a multiprocessing worker flush too, because it ends without running atexit.

    Call it in the worker itself, after the fork: multiprocessing drops what was
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
        # The process may go on for a while, so the clients stay open; atexit runs later.
        _previous_sigterm(signum, frame)
        return
    previous = _previous_sigterm
    for member in list(_members):
        member.shutdown(0.0)
    signal.signal(signal.SIGTERM, previous)
    os.kill(os.getpid(), signal.SIGTERM)
