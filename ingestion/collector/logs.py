"""Errors are logged with their kind and place, without their text, which may quote a payload."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Final

logger = logging.getLogger(__name__)

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _WithoutWords(logging.Formatter):
    """Formats an exception, and each of its causes, as its frames and its kind."""

    def formatException(self, ei: _Raised) -> str:
        """Frames and kinds, outermost error first."""
        parts = []
        error = ei[1]
        while error is not None:
            frames = "".join(traceback.format_tb(error.__traceback__))
            parts.append(f"{type(error).__name__}\n{frames}")
            error = error.__cause__ or error.__context__
        return "from ".join(parts).rstrip()


def configure(level: int = logging.INFO) -> None:
    """Log to standard error, also every error that was not caught."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutWords(_FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    sys.excepthook = _ended
    threading.excepthook = _thread_ended


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's error handler. asyncio's own would print the error's text."""
    error = context.get("exception")
    logger.error("%s", context["message"], exc_info=error if error is not None else False)


def _ended(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    logger.critical("the collector ended", exc_info=(kind, error, frames))


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else "?"
    if args.exc_value is not None:
        raised = (args.exc_type, args.exc_value, args.exc_traceback)
        logger.critical("the thread %s ended", name, exc_info=raised)
