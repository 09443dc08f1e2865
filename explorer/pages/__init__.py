"""The pages of the explorer, one file each: its parameters and the panels they ask for."""

from __future__ import annotations

from typing import Final

from explorer.pages import (
    accounts,
    catalogue,
    cohorts,
    conversion,
    experiments,
    funnels,
    growth,
    overview,
    paths,
    people,
    retention,
    revenue,
    trends,
    trust,
)
from explorer.pages.page import Page

#: In the order of the menu.
_ALL: Final = (
    *(overview, trends, funnels, retention, paths, growth, revenue, conversion, experiments),
    *(cohorts, accounts, people, catalogue, trust),
)
PAGES: Final[dict[str, Page]] = {each.PAGE.name: each.PAGE for each in _ALL}
