"""Which web pages may send as which source.

Pure. A preflight has no key, so its answer allows every origin. The request that follows is checked
against the origins of its source. If it is refused, the console of the page shows the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: The part of a host that ``*`` stands for.
_BELOW = "[a-z0-9_.-]+"


class OriginPolicy:
    """The origins from which each source accepts events; a source without any accepts all."""

    def __init__(self, origins: Mapping[str, Iterable[str]]) -> None:
        self._patterns = {source: _pattern(each) for source, each in origins.items()}

    def admits(self, source: str, origin: bytes | None) -> bool:
        """Whether a page of ``origin`` may send as ``source``. A sender without origin may."""
        pattern = self._patterns.get(source)
        if pattern is None or origin is None:
            return True
        return pattern.fullmatch(origin.decode("latin-1").lower()) is not None


def _pattern(origins: Iterable[str]) -> re.Pattern[str]:
    patterns = (re.escape(origin).replace(r"://\*\.", rf"://{_BELOW}\.") for origin in origins)
    return re.compile("|".join(patterns))
