"""The pages of a product, and where visits come from."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final
from urllib.parse import quote_plus, urlencode

import msgspec

from benchmarks.properties import uuid, words

CAMPAIGNS: Final = 200
ARTICLES: Final = 500
_SITES: Final = ("https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/")
#: Source and medium of a campaign, with the parameter for the id of a click, if there is one.
_CHANNELS: Final = (
    ("google", "cpc", "gclid"), ("newsletter", "email", ""), ("facebook", "paid_social", "fbclid"),
    ("linkedin", "paid_social", "li_fat_id"), ("bing", "cpc", "msclkid"),
    ("partner", "referral", ""),
)  # fmt: skip
_APP: Final = "https://app.acme.example"
_SITE: Final = "https://www.acme.example"


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of a page's address, and its title."""

    host: str
    path: str
    search: str
    title: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as JSON of a context and as a query; ``click_id`` names its parameter."""

    json: str
    query: str
    click_id: str


def page(random: Random) -> Page:
    """A page: of an article, or one whose address has ids."""
    kind = random.random()
    if kind < 0.4:
        path, title = _articles()[int(random.random() ** 2 * ARTICLES)]
        return Page(_SITE, path, "", title)
    if kind < 0.7:
        path = f"/projects/{random.getrandbits(17)}/reports/{random.getrandbits(48):012x}"
        return Page(_APP, path, "", "Report · Acme")
    if kind < 0.9:
        return Page(
            _APP, f"/dashboards/{uuid(random)}", f"?tab={random.getrandbits(2)}", "Dashboard — Acme"
        )
    return Page(_APP, "/search", f"?q={quote_plus(words(random)[:20])}&page=1", "Search — Acme")


def entry(random: Random) -> tuple[Campaign | None, str]:
    """A visit's campaign, or None, and its referrer, which may be empty."""
    if random.random() < 0.35:
        campaign = _campaigns()[int(random.random() ** 2 * CAMPAIGNS)]
        return campaign, _SITES[0] if campaign.click_id == "gclid" else ""
    if random.random() < 0.5:
        return None, ""
    if random.random() < 0.7:
        return None, _SITES[int(random.random() ** 2 * len(_SITES))]
    return None, f"https://blog-{random.getrandbits(12)}.example/{random.getrandbits(20)}"


def landing_query(campaign: Campaign, random: Random) -> str:
    """The query of the first address of a visit that a campaign brought."""
    if not campaign.click_id:
        return campaign.query
    return (
        f"{campaign.query}&{campaign.click_id}={urlsafe_b64encode(random.randbytes(33)).decode()}"
    )


@cache
def _articles() -> list[tuple[str, str]]:
    random = Random(2)
    made = []
    for number in range(ARTICLES):
        folder = ("blog", "docs", "features", "compare")[number % 4]
        made.append((f"/{folder}/{uuid(random)[:8]}-{number}", f"{words(random)[:30]} | Acme"))
    return made


@cache
def _campaigns() -> list[Campaign]:
    random = Random(3)
    made = []
    for number in range(CAMPAIGNS):
        source, medium, click_id = _CHANNELS[number % len(_CHANNELS)]
        named = {"source": source, "medium": medium, "name": f"{number}-{uuid(random)[:8]}"}
        if random.random() < 0.5:
            named |= {"content": f"variant-{random.getrandbits(3)}", "term": words(random)[:12]}
        query = urlencode(
            {f"utm_{'campaign' if name == 'name' else name}": text for name, text in named.items()}
        )
        made.append(Campaign(msgspec.json.encode(named).decode(), f"?{query}", click_id))
    return made
