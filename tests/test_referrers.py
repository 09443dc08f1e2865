"""Which referrers are no source: the site's own, and where people pay or sign in."""

from __future__ import annotations

from typing import Any

from enrichment.public_suffixes import public_suffixes
from tests import oracle
from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File

#: Address of the page, referrer → whether the referrer is no source.
REFERRERS: dict[tuple[str | None, str], bool] = {
    # One site: the same host however it is written, and hosts beside and below it.
    ("https://shop.example/cart", "https://shop.example/?utm_source=google"): True,
    ("https://shop.example/", "http://SHOP.example:8080"): True,
    ("https://shop.example/", "https://www.shop.example./"): True,
    ("https://app.shop.example/", "https://www.shop.example/pricing"): True,
    ("https://shop.example/", "//de.blog.shop.example/a@b"): True,
    ("https://shop.example/", "shop.example/cart"): True,
    ("https://shop.co.uk/", "https://www.shop.co.uk/"): True,
    ("https://me.github.io/", "https://me.github.io/shop"): True,
    ("https://me@shop.example/", "https://you:pw@shop.example/"): True,
    ("http://localhost:3000/", "http://localhost:8080/"): True,
    ("http://192.168.1.5/", "http://192.168.1.5/login"): True,
    ("http://[2001:db8::1]:80/", "http://[2001:db8::1]/"): True,
    # Strangers, some with nearly the same name.
    ("https://shop.example/", "https://news.example/"): False,
    ("https://shop.example/", "https://myshop.example/"): False,
    ("https://shop.example/", "https://shop.example.evil.test/"): False,
    ("https://shop.example/", "https://evil.test/?from=https://shop.example/"): False,
    ("https://shop.example/", "https://evil.test/shop.example"): False,
    ("https://shop.example/", "https://shop.test/"): False,
    ("https://one.co.uk/", "https://two.co.uk/"): False,
    ("https://one.com.au/", "https://www.two.com.au/"): False,
    ("https://me.github.io/", "https://you.github.io/"): False,
    ("https://me.github.io/", "https://github.io/"): False,
    ("https://me.myshopify.com/", "https://you.myshopify.com/"): False,
    ("https://me.s3.amazonaws.com/", "https://you.s3.amazonaws.com/"): False,
    ("http://192.168.1.5/", "http://10.0.1.5/"): False,
    ("http://[2001:db8::1]/", "http://[2001:db8::2]/"): False,
    ("https://shop.example/", "android-app://com.google.android.gm/"): False,
    # Where people pay and sign in, whatever the page.
    ("https://shop.example/", "https://www.paypal.com/checkoutnow"): True,
    ("https://shop.example/", "https://PayPal.com"): True,
    (None, "https://checkout.stripe.com/c/pay"): True,
    ("https://shop.example/", "https://accounts.google.com/"): True,
    ("https://shop.example/", "https://stripe.com/blog"): False,
    ("https://shop.example/", "https://notpaypal.com/"): False,
    ("https://shop.example/", "https://paypal.com.evil.test/"): False,
    ("https://shop.example/", "https://www.google.com/"): False,
    # What tells no host.
    (None, "https://shop.example/"): False,
    ("/cart", "https://shop.example/"): False,
    ("", "?"): False,
    ("https://", "/"): False,
}


def _page(url: str | None, referrer: str) -> dict[str, Any]:
    told = {} if url is None else {"url": url}
    return {"page": {**told, "path": "/", "referrer": referrer}}


def test_a_referrer_is_read_as_the_site_it_belongs_to(compiled: CompiledModels) -> None:
    lines = [line(f"{number:03}", context=_page(*case)) for number, case in enumerate(REFERRERS)]
    loads = [[File("a.ndjson", lines)]]

    rows = loaded(compiled.only("fct_sessions"), loads).rows(
        "select anonymous_id, is_referrer_ignored from marts.fct_sessions"
    )

    wanted = {f"{number:03}": ignored for number, ignored in enumerate(REFERRERS.values())}
    assert {row["anonymous_id"]: row["is_referrer_ignored"] for row in rows} == wanted
    sessions = oracle.warehouse(loads).sessions
    assert {row["anonymous_id"]: row["is_referrer_ignored"] for row in sessions} == wanted


def test_a_site_is_what_the_library_of_public_suffixes_says(compiled: CompiledModels) -> None:
    rules = sorted(public_suffixes())
    chosen = [name for name, kind in rules if kind != "suffix"] + [name for name, _ in rules[::40]]
    hosts = {
        *(f"{below}{name}" for name in chosen for below in ("", "a.", "b.a.", "c.b.a.")),
        *("localhost", "a..co.uk", "192.168.1.5", "[::1]", "a.192", "a.0x7f", "bücher.example"),
        *("xn--bcher-kva.example", "a b.co.uk", "." + "a" * 252, "b." + "a" * 251, "a" * 254),
    }
    lines = [
        line(f"{number:05}", context=_page(None, f"https://{host}/"))
        for number, host in enumerate(sorted(hosts))
    ]
    loads = [[File("a.ndjson", lines)]]

    found = loaded(compiled.only("fct_sessions"), loads).rows(
        "select anonymous_id, referrer_domain from marts.fct_sessions"
    )

    wanted = oracle.warehouse(loads).sessions
    assert {row["anonymous_id"]: row["referrer_domain"] for row in found} == (
        {row["anonymous_id"]: row["referrer_domain"] for row in wanted}
    )


def test_who_pauses_and_clicks_on_still_came_from_the_campaign(compiled: CompiledModels) -> None:
    campaign = "https://shop.example/?utm_source=google&utm_medium=cpc"
    visits = [
        ("10", campaign, "https://www.google.com/"),
        ("11", "https://shop.example/cart", campaign),
        ("12", "https://shop.example/thanks", "https://www.paypal.com/"),
    ]
    lines = [
        line(
            hour,
            anonymous_id="tablet",
            received_at=f"2026-03-02T{hour}:00:00Z",
            context=_page(url, referrer),
        )
        for hour, url, referrer in visits
    ]
    (person,) = loaded(compiled.only("dim_persons"), [[File("a.ndjson", lines)]]).rows(
        "from marts.dim_persons"
    )

    assert person["session_count"] == 3
    touch = ("google", "cpc", "https://www.google.com/")
    for which in ("first", "last"):
        told = [person[f"{which}_touch_{name}"] for name in ("source", "medium", "referrer")]
        assert tuple(told) == touch
