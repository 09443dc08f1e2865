"""What an address says, against what a browser reads in it (WHATWG, by the library ada)."""

from __future__ import annotations

from typing import Final

import ada_url

from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File
from tests.oracle.sessions import host

#: Address → its host. A browser reads the same, or that there is none.
SAME: Final[dict[str, str | None]] = {
    "https://shop.example/cart": "shop.example",
    "HTTPS://SHOP.Example:8443?x": "shop.example",
    "https://shop.example#a": "shop.example",
    # However many slashes, of either kind, and blanks around.
    "https:shop.example/a": "shop.example",
    "https:///shop.example/a": "shop.example",
    "https:\\\\shop.example\\a": "shop.example",
    "  https://shop.example/ ": "shop.example",
    "\thttps://shop.example\n": "shop.example",
    # Who signs in is no part of the host, and ends with the last @ before the path.
    "https://me:pw@shop.example/": "shop.example",
    "https://shop.example@evil.example": "evil.example",
    "https://a@shop.example@evil.example/": "evil.example",
    "https://shop.example\\@evil.example": "shop.example",
    "https://evil.example/@shop.example": "evil.example",
    "https://evil.example?@shop.example": "evil.example",
    "https://evil.example#@shop.example": "evil.example",
    # Numbers, and names as they are sent.
    "http://[2001:db8::1]:80/": "[2001:db8::1]",
    "http://192.168.1.5/": "192.168.1.5",
    "https://xn--bcher-kva.example/": "xn--bcher-kva.example",
    "https://a_b.example/": "a_b.example",
    "https://a..b/": "a..b",
    # Other schemes.
    "android-app://com.google.android.gm/": "com.google.android.gm",
    "file://server/x": "server",
    "file:///etc/passwd": None,
    "about:blank": None,
    "javascript:void(0)": None,
    "mailto:me@shop.example": None,
    "data:text/html,x": None,
    "blob:https://shop.example/1": None,
    "view-source:https://shop.example/": None,
    # Garbage.
    "": None,
    "?": None,
    "#": None,
    "/cart": None,
    "https:": None,
    "https://": None,
    "https://?x": None,
    "http://[::1": None,
    "http://user:@/": None,
    "http://foo:80:90/": None,
    "https://shop.example:x/": None,
    "https://sh op.example/": None,
    "https://sh<op.example/": None,
    "https://shop.example|x/": None,
    "garbage text": None,
    "me@shop.example": None,
    "\x00\x01": None,
}

#: Address → its host with us, and with a browser. A browser sends none of these: it writes an
#: address anew before a page can read it.
DIFFERENT: Final[dict[str, tuple[str | None, str | None]]] = {
    # SDKs send addresses without a scheme.
    "shop.example/cart": ("shop.example", None),
    "//shop.example/a": ("shop.example", None),
    "localhost": ("localhost", None),
    "localhost:3000/": ("localhost", ""),
    "shop.example:8080/": ("shop.example", ""),
    # The dot at the end is the root of all names, and makes no other site.
    "https://shop.example./": ("shop.example", "shop.example."),
    # Not written anew: numbers, other scripts, percent codes, tabs.
    "http://0x7f.1/": ("0x7f.1", "127.0.0.1"),
    "https://b\u00fccher.example/": ("b\u00fccher.example", "xn--bcher-kva.example"),
    "https://ex%61mple.test/": (None, "example.test"),
    "https://shop.exa\tmple/": (None, "shop.example"),
    "https://shop.example:/": (None, "shop.example"),
    "https://shop.example:99999/": ("shop.example", None),
}


def browsers(address: str) -> str | None:
    """The host as a browser reads it; null if it takes the text for no address."""
    try:
        return ada_url.URL(address).hostname
    except ValueError:
        return None


def test_a_browser_reads_the_same_host_or_what_the_table_says() -> None:
    assert {address: browsers(address) or None for address in SAME} == SAME
    assert {address: browsers(address) for address in DIFFERENT} == (
        {address: told for address, (_, told) in DIFFERENT.items()}
    )


def test_a_host_is_read_as_the_table_says_whatever_is_sent(compiled: CompiledModels) -> None:
    wanted = SAME | {address: ours for address, (ours, _) in DIFFERENT.items()}
    lines = [
        line(f"{number:03}", context={"page": {"path": "/", "referrer": address}})
        for number, address in enumerate(wanted)
    ]

    rows = loaded(compiled.only("int_sessions_measured"), [[File("a.ndjson", lines)]]).rows(
        "select visitor_id, referrer_host from intermediate.int_sessions_measured"
        " order by visitor_id"
    )

    assert dict(zip(wanted, (row["referrer_host"] for row in rows), strict=True)) == wanted
    assert {address: host(address) for address in wanted} == wanted


#: Query → the same utm_source with us and in a browser's URLSearchParams.
SAME_SOURCE: Final[dict[str, str | None]] = {
    "utm_source=a+b": "a b",
    "utm_source=a%2Bb%20c": "a+b c",
    "utm_source=a&utm_source=b": "a",
    "utm_source=a=b": "a=b",
    "utm_source=a?b": "a?b",
    "utm_source=100%": "100%",
    "utm_source=%zz": "%zz",
    "utm_source=%C3%A9": "\u00e9",
    "utm%5Fsource=a": "a",
    "x=1&&utm_source=a&": "a",
    "to=https://b.example/?utm_source=no": None,
    "utm_source%3Dno": None,
}
#: Query → utm_source with us and in a browser. Ours finds what people meant.
OTHER_SOURCE: Final[dict[str, tuple[str | None, str | None]]] = {
    "UTM_Source=a": ("a", None),
    "page=2&amp;utm_source=a": ("a", None),
    "page=2#utm_source=a": ("a", None),
    "utm_source=+a%0A": ("a", " a\n"),
    "utm_source=": (None, ""),
}


def test_a_campaign_is_read_as_by_a_browser_or_as_the_table_says(compiled: CompiledModels) -> None:
    ours = SAME_SOURCE | {query: told for query, (told, _) in OTHER_SOURCE.items()}
    theirs = SAME_SOURCE | {query: told for query, (_, told) in OTHER_SOURCE.items()}
    pages = {query: f"https://shop.example/?{query}" for query in ours}
    lines = [line(query, context={"page": {"url": page}}) for query, page in pages.items()]

    rows = loaded(compiled.only("stg_footfall__events"), [[File("a.ndjson", lines)]]).rows(
        "select event_id, utm_source from staging.stg_footfall__events"
    )

    assert {row["event_id"]: row["utm_source"] for row in rows} == ours
    read = {
        query: ada_url.URLSearchParams(ada_url.URL(page).search.removeprefix("?"))
        for query, page in pages.items()
    }
    found = {
        query: told.get("utm_source") if told.has("utm_source") else None
        for query, told in read.items()
    }
    assert found == theirs
