"""Channels: how a visit was reached, by what its link says of itself and by the page it was on."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from tests.oracle.events import Campaign

PROJECT = Path(__file__).parents[2] / "dbt_project"
with (PROJECT / "seeds" / "traffic_sources.csv").open(encoding="utf-8") as file:
    KINDS = {row["domain"]: row["kind"] for row in csv.DictReader(file)}
#: Kind of click id → the source and medium that it stands for.
CLICKS = {
    **dict.fromkeys(("gclid", "gbraid", "wbraid"), ("google", "cpc")),
    "dclid": ("google", "display"),
    "msclkid": ("bing", "cpc"),
    "yclid": ("yandex", "cpc"),
    "fbclid": ("facebook", "social"),
    "igshid": ("instagram", "social"),
    "ttclid": ("tiktok", "cpc"),
    "twclid": ("twitter", "cpc"),
    "li_fat_id": ("linkedin", "cpc"),
    "rdt_cid": ("reddit", "cpc"),
    "sccid": ("snapchat", "cpc"),
    "epik": ("pinterest", "social"),
    "irclickid": ("impact", "affiliate"),
}
#: Words of an own group, as Google lists them.
PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
SHOP = re.compile(r".*(([^a-df-z]|^)shop|shopping).*")
BANNERS = {"display", "banner", "expandable", "interstitial", "cpm"}
SOCIAL = {"social", "social-network", "social-media", "sm", "social network", "social media"}
MAIL = {"email", "e-mail", "e_mail", "e mail"}


def channel(campaign: Campaign, referrer: str | None) -> str:
    """The channel of a visit; ``referrer`` is the host it came from, if that is a source."""
    clicked = CLICKS.get(campaign.click_id or "", (None, None))
    told = (campaign.source or "").lower() or clicked[0]
    source = told or referrer or "(direct)"
    medium = (campaign.medium or "").lower() or clicked[1]
    if medium is None:
        medium = "referral" if told is None and referrer else "(none)"
    name = (campaign.name or "").lower()
    return next(_matching(source, medium, name))


def kind_of(source: str) -> str | None:
    """What the longest listed domain above the host is; a name without a dot is only itself."""
    labels = source.split(".")
    above = (".".join(labels[place:]) for place in range(1, len(labels) - 1))
    return next((KINDS[domain] for domain in (source, *above) if domain in KINDS), None)


def _matching(source: str, medium: str, name: str) -> Iterator[str]:
    kind = kind_of(source) if len(source) <= 253 else None
    is_shop = kind == "shopping" or SHOP.fullmatch(name)
    if source == "(direct)" and medium in ("(none)", "(not set)") and not name:
        yield "Direct"
    if "cross-network" in name:
        yield "Cross-network"
    if PAID.fullmatch(medium):
        if is_shop:
            yield "Paid Shopping"
        if kind in ("search", "social", "video"):
            yield f"Paid {kind.title()}"
    if medium in BANNERS:
        yield "Display"
    if PAID.fullmatch(medium):
        yield "Paid Other"
    if kind == "ai_assistant":
        yield "AI Assistant"
    if is_shop:
        yield "Organic Shopping"
    if kind == "social" or medium in SOCIAL:
        yield "Organic Social"
    if kind == "video" or "video" in medium:
        yield "Organic Video"
    if kind == "search" or medium == "organic":
        yield "Organic Search"
    if kind == "email" or source in MAIL or medium in MAIL:
        yield "Email"
    if medium in ("referral", "app", "link"):
        yield "Referral"
    if medium == "affiliate":
        yield "Affiliates"
    if medium == "audio":
        yield "Audio"
    if "sms" in (source, medium):
        yield "SMS"
    if re.search("push$|mobile|notification", medium) or source == "firebase":
        yield "Mobile Push Notifications"
    yield "Unassigned"
