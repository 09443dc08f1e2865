"""Mending: changes that the user makes to an event before it is validated again."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from typing import Any

from ingestion.protocols.catalog import EVENT_ID_FIELDS
from ingestion.protocols.fields import MAX_ID_LENGTH

Event = dict[str, Any]
#: The mended event, or None to leave it in quarantine.
Mend = Callable[[Event], Event | None]
#: The mended text of a whole row, or None to leave it in quarantine.
MendBody = Callable[[bytes], bytes | None]


class MendFailed(Exception):
    """The mend failed; the event stays in quarantine."""


class MendUnusable(Exception):
    """The mend cannot be used; the message says why."""


def renaming(pairs: Iterable[str]) -> Mend:
    """A mend that renames keys: ``old=new``, with dots for keys inside objects.

    An event without the old key is not changed. An existing new key is never overwritten. Raises
    MendUnusable.
    """
    steps: list[tuple[list[str], list[str]]] = []
    for pair in pairs:
        old, _, new = pair.partition("=")
        if not all((*old.split("."), *new.split("."))):
            raise MendUnusable(f"--rename {pair}: write old=new, such as properties.plan_name=plan")
        steps.append((old.split("."), new.split(".")))

    def mend(event: Event) -> Event:
        for old, new in steps:
            _rename(event, old, new)
        return event

    return mend


def _rename(event: Event, old: list[str], new: list[str]) -> None:
    source: Any = event
    for key in old[:-1]:
        source = source.get(key) if isinstance(source, dict) else None
    if not isinstance(source, dict) or old[-1] not in source:
        return
    target: Any = event
    for key in new[:-1]:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise MendFailed(f"{'.'.join(new)} cannot be set: {key} is no object")
    if new[-1] in target:
        raise MendFailed(f"{'.'.join(new)} is there already")
    target[new[-1]] = source.pop(old[-1])


def imported(name: str) -> Callable[[Any], Any]:
    """The function that ``module:function`` names; raises MendUnusable."""
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise MendUnusable(f"{name}: {error}; write module:function") from error
    if not callable(found):
        raise MendUnusable(f"{name} is not a function")
    return found  # type: ignore[no-any-return]


def mended(text: bytes, mend: Mend) -> bytes | None:
    """An event's text after mending, None to leave it; raises MendFailed.

    ``mend`` gets NaN, lone surrogates and numbers of any size, which are not JSON, as Python
    values. If it leaves them in, the event is refused again. A text that is still no JSON object is
    returned unchanged.
    """
    try:
        event = json.loads(text.decode("utf-8", "surrogatepass"), strict=False)
    except (ValueError, RecursionError):
        return text
    if not isinstance(event, dict):
        return text
    names = {name: event[name] for name in EVENT_ID_FIELDS if _is_id(event.get(name))}
    try:
        result = mend(event)
        if result is None:
            return None
        if not isinstance(result, dict):
            raise MendFailed("the function returned neither a dict nor None")
        written = json.dumps(result | names, ensure_ascii=False, separators=(",", ":"))
        return written.encode("utf-8", "surrogatepass")
    except MendFailed:
        raise
    except (
        Exception
    ) as error:  # the function is the caller's own: a failure affects only this event
        raise MendFailed(type(error).__name__) from error


def mended_body(body: bytes, mend: MendBody) -> bytes | None:
    """A whole row's body after mending, None to leave it; raises MendFailed."""
    try:
        result = mend(body)
    except Exception as error:  # the function is the caller's own: a failure affects only this row
        raise MendFailed(type(error).__name__) from error
    if not isinstance(result, bytes | None):
        raise MendFailed("the function returned neither bytes nor None")
    return result


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH
