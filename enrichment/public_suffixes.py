"""The domains below which strangers register their own: the public suffix list.

Source: publicsuffix.org, in the edition of the library publicsuffixlist, with its private part
(github.io), because a product's site is the domain that its owner registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import publicsuffixlist

#: What a rule of the list does with the names below it, by the sign that it begins with.
KINDS: Final = {"!": "exception", "*": "wildcard"}


def public_suffixes() -> Iterator[tuple[str, str]]:
    """Each rule as (domain, kind), kind being suffix, wildcard or exception.

    The domain of a wildcard is what follows the star: every name right below it is a suffix. An
    exception is no suffix, though a wildcard says so. A domain with other letters than ASCII stands
    here twice, as it is read and as it is sent (punycode).
    """
    path = Path(publicsuffixlist.PSLFILE)
    for line in path.read_text(encoding="utf-8").splitlines():
        rule = line.split()[0] if line.split() else ""
        if not rule or rule.startswith("//"):
            continue
        kind = KINDS.get(rule[0], "suffix")
        domain = rule.removeprefix("!").removeprefix("*.").lower()
        for spelling in {domain, domain.encode("idna").decode("ascii")}:
            yield spelling, kind
