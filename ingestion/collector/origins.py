"""Which web pages may send as which source.

Pure. A browser is told that every origin may send, because its preflight says no key; the request
that follows is held against the origins of its own source, and refused with words a page's
console shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: A host's part before the domain that ``*.`` stands in for.
_BELOW = "[a-z0-9_.-]+"


class OriginPolicy:
    """The origins each source takes events from; a source that names none takes them from all."""

    def __init__(self, origins: Mapping[str, Iterable[str]]) -> None:
        self._patterns = {source: _pattern(each) for source, each in origins.items()}

    def admits(self, source: str, origin: bytes | None) -> bool:
        """Whether what sends may send as ``source``; what says no origin is no page, and may."""
        pattern = self._patterns.get(source)
        if pattern is None or origin is None:
            return True
        return pattern.fullmatch(origin.decode("latin-1").lower()) is not None


def _pattern(origins: Iterable[str]) -> re.Pattern[str]:
    patterns = (re.escape(origin).replace(r"://\*\.", rf"://{_BELOW}\.") for origin in origins)
    return re.compile("|".join(patterns))
