"""Footfall's client: tell the warehouse what happened in a product.

import footfall

footfall.configure(write_key="…", host="http://127.0.0.1:8080")
footfall.track(user_id="u1", action="click", value="buy_button", extra_info={"plan": "annual"})

The functions here use the one client that ``configure`` makes; ``Client`` is the same
without state in the module.
"""

from __future__ import annotations

from footfall.client import Client
from footfall.counts import Stats
from footfall.default import DefaultClient
from footfall.version import __version__

__all__ = [
    "Client",
    "Stats",
    "__version__",
    "alias",
    "configure",
    "flush",
    "group",
    "identify",
    "page",
    "screen",
    "shutdown",
    "stats",
    "track",
]

_default = DefaultClient()

configure = _default.configure
track = _default.track
identify = _default.identify
page = _default.page
screen = _default.screen
group = _default.group
alias = _default.alias
flush = _default.flush
shutdown = _default.shutdown
stats = _default.stats
