"""Which channel a visit has, and what the seed of traffic sources knows."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import oracle
from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.channels import KINDS, kind_of
from tests.oracle.events import File

CHECKOUT = Path(__file__).parents[1]
SEED = CHECKOUT / "dbt_project" / "seeds" / "traffic_sources.csv"
#: Lists of Matomo (CC0), which the seed is compared with.
MATOMO = CHECKOUT.parent / "shared" / "data" / "matomo_sources"
SHOP = "https://shop.example/"

#: Address of the page, referrer → channel.
VISITS: dict[tuple[str, str], str] = {
    (SHOP, ""): "Direct",
    (SHOP, f"{SHOP}cart"): "Direct",
    (SHOP, "https://www.paypal.com/"): "Direct",
    (SHOP, "?"): "Direct",
    (SHOP, "https://www.google.co.uk/"): "Organic Search",
    (SHOP, "https://google.com/"): "Organic Search",
    (SHOP, "https://docs.google.com/document/d/1"): "Referral",
    (SHOP, "https://mail.google.com/mail/u/0"): "Email",
    (SHOP, "android-app://com.google.android.gm/"): "Email",
    (SHOP, "android-app://com.google.android.googlequicksearchbox/"): "Organic Search",
    (SHOP, "https://blog.google/products"): "Referral",
    (SHOP, "https://de.search.yahoo.com/"): "Organic Search",
    (SHOP, "https://finance.yahoo.com/"): "Referral",
    (SHOP, "https://chatgpt.com/"): "AI Assistant",
    (SHOP, "https://www.perplexity.ai/search"): "AI Assistant",
    (SHOP, "https://copilot.microsoft.com/"): "AI Assistant",
    (SHOP, "https://gemini.google.com/app"): "AI Assistant",
    (SHOP, "https://claude.ai/chat/1"): "AI Assistant",
    (f"{SHOP}?utm_source=chatgpt.com", ""): "AI Assistant",
    (SHOP, "https://l.facebook.com/l.php"): "Organic Social",
    (SHOP, "https://t.co/abc"): "Organic Social",
    (SHOP, "https://notfacebook.com/"): "Referral",
    (SHOP, "https://m.youtube.com/"): "Organic Video",
    (SHOP, "https://www.amazon.co.jp/"): "Organic Shopping",
    (SHOP, "https://news.example/"): "Referral",
    (f"{SHOP}?gclid=1", "https://www.google.com/"): "Paid Search",
    (f"{SHOP}?utm_source=google&utm_medium=cpc", ""): "Paid Search",
    (f"{SHOP}?utm_source=fb&utm_medium=paid_social", ""): "Paid Social",
    (f"{SHOP}?fbclid=1", "https://m.facebook.com/"): "Organic Social",
    (f"{SHOP}?utm_source=newsletter&utm_medium=email", "https://mail.google.com/"): "Email",
    (f"{SHOP}?utm_source=newsletter", "https://mail.google.com/"): "Unassigned",
    (f"{SHOP}?utm_source={'a.' * 200}a", ""): "Unassigned",
}


def test_a_visit_has_the_channel_of_where_it_came_from(compiled: CompiledModels) -> None:
    lines = [
        line(f"{number:03}", context={"page": {"url": url, "path": "/", "referrer": referrer}})
        for number, (url, referrer) in enumerate(VISITS)
    ]
    loads = [[File("a.ndjson", lines)]]

    rows = loaded(compiled.only("fct_sessions"), loads).rows(
        "select anonymous_id, channel from marts.fct_sessions"
    )

    wanted = {f"{number:03}": channel for number, channel in enumerate(VISITS.values())}
    assert {row["anonymous_id"]: row["channel"] for row in rows} == wanted
    sessions = oracle.warehouse(loads).sessions
    assert {row["anonymous_id"]: row["channel"] for row in sessions} == wanted


def test_a_name_is_of_one_kind() -> None:
    with SEED.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds: dict[str, set[str]] = {}
    for row in rows:
        kinds.setdefault(row["name"], set()).add(row["kind"])
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {}
    assert len(rows) > 1_000


#: List → kind, and of how many of its domains the seed says the same, another, or nothing. What it
#: does not list is mostly old or small. Another kind: ours for video and shopping, which Matomo has
#: not, and for AI assistants that it lists as search engines too.
AGREEMENT = {
    "AIAssistants": ("ai_assistant", 23, 1, 1),
    "Socials": ("social", 144, 11, 63),
    "SearchEngines": ("search", 305, 13, 346),
}


@pytest.mark.parametrize("name", AGREEMENT)
def test_the_seed_agrees_with_the_list_of_matomo_as_far_as_told(name: str) -> None:
    listed: dict[str, Any] = yaml.safe_load((MATOMO / f"{name}.yml").read_text(encoding="utf-8"))
    domains = [
        domain.replace("{}", "com").partition("/")[0].lower()
        for places in listed.values()
        for place in places
        for domain in (place["urls"] if isinstance(place, dict) else [place])
    ]
    kind, *figures = AGREEMENT[name]
    found = Counter(
        "same" if (told := kind_of(domain)) == kind else "other" if told else "nothing"
        for domain in domains
    )
    assert [found["same"], found["other"], found["nothing"]] == figures


def test_most_of_what_a_site_meets_is_listed() -> None:
    met = (
        "google.com bing.com duckduckgo.com chatgpt.com perplexity.ai claude.ai linkedin.com x.com"
    )
    assert set(met.split()) <= KINDS.keys()
