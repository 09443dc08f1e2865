"""The campaign fields of an event, for addresses as browsers, mails and SDKs write them."""

from __future__ import annotations

from typing import Any

import pytest

from tests import oracle
from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File, campaign

SHOP = "https://shop.example/"
ALL = ("news", "email", "spring")

#: Address of a page → source, medium and campaign.
ADDRESSES: dict[str, tuple[str | None, str | None, str | None]] = {
    f"{SHOP}?utm_source=news&utm_medium=email&utm_campaign=spring": ALL,
    # HTML's ampersand, escaped once, twice, by number, and by a tool that encodes semicolons.
    f"{SHOP}?utm_source=news&amp;utm_medium=email&AMP;utm_campaign=spring": ALL,
    f"{SHOP}?utm_source=news&amp;amp;utm_medium=email&amp;amp;utm_campaign=spring": ALL,
    f"{SHOP}?utm_source=news&#038;utm_medium=email&#38;utm_campaign=spring": ALL,
    f"{SHOP}?utm_source=news#038;utm_medium=email&#x26;utm_campaign=spring": ALL,
    f"{SHOP}?utm_source=news&amp%3Butm_medium=email&amp%3butm_campaign=spring": ALL,
    f"{SHOP}?amp;utm_source=news&utm_medium=email&utm_campaign=spring#top": ALL,
    # Behind the #: alone, behind a route, after a query, in two pieces.
    f"{SHOP}#utm_source=news&utm_medium=email&utm_campaign=spring": ALL,
    f"{SHOP}#?utm_source=news&utm_medium=email&utm_campaign=spring": ALL,
    f"{SHOP}#/offers?utm_source=news&utm_medium=email&utm_campaign=spring": ALL,
    f"{SHOP}#!/offers?page=2&utm_source=news&amp;utm_medium=email&utm_campaign=spring#x": ALL,
    f"{SHOP}?page=2#top&utm_source=news&utm_medium=email&utm_campaign=spring": ALL,
    f"{SHOP}?utm_source=news&utm_medium=email#utm_campaign=spring&utm_source=other": ALL,
    # Keys in any case, with an encoded underscore.
    f"{SHOP}?UTM_Source=news&Utm_Medium=email&UTM_CAMPAIGN=spring": ALL,
    f"{SHOP}?utm%5Fsource=news&utm%5fmedium=email&uTm_campaign=spring": ALL,
    # Blanks.
    f"{SHOP}?utm_source=a+b&utm_medium=a%20b&utm_campaign=a%2Bb": ("a b", "a b", "a+b"),
    f"{SHOP}?utm_source=+news%20&utm_medium=+&utm_campaign=%20": ("news", None, None),
    f"{SHOP}?utm_source=&utm_medium&utm_campaign=": (None, None, None),
    # What is inside of another parameter, or of the path, is not ours.
    f"{SHOP}?to=https://b.example/?utm_source=no&utm_medium=email": (None, "email", None),
    f"{SHOP}?to=https%3A%2F%2Fb.example%2F%3Futm_source%3Dno%26utm_medium%3Dno": (None,) * 3,
    f"{SHOP}#to=/?utm_source=no": (None, None, None),
    f"{SHOP}&utm_source=no/utm_medium=no": (None, None, None),
    f"{SHOP}?my_utm_source=no&xutm_medium=no&utm_sources=no": (None, None, None),
    # The first of two counts, and an = or ? in a value is part of it.
    f"{SHOP}?utm_source=a&utm_source=b&utm_medium=a=b&utm_campaign=a?b": ("a", "a=b", "a?b"),
    # No UTF-8: Latin-1, a tear, a surrogate, an overlong slash; the others are still decoded.
    f"{SHOP}?utm_source=caf%E9&utm_medium=%C3%A9": ("caf%E9", "é", None),
    f"{SHOP}?utm_source=a+%E2%82&utm_medium=%ED%A0%BD%ED%B8%80": (
        "a %E2%82",
        "%ED%A0%BD%ED%B8%80",
        None,
    ),
    f"{SHOP}?utm_source=%C0%AF&utm_medium=so%A0ft&utm_campaign=%F0%9F%98%80": (
        "%C0%AF",
        "so%A0ft",
        "😀",
    ),
    # No codes at all.
    f"{SHOP}?utm_source=100%&utm_medium=%zz&utm_campaign=%2": ("100%", "%zz", "%2"),
    f"{SHOP}?utm_source=%u00e9&utm_medium=%25E9&utm_campaign=a%26b%23c": (
        "%u00e9",
        "%E9",
        "a&b#c",
    ),
    # Control characters are blanks.
    f"{SHOP}?utm_source=news%00&utm_medium=%00&utm_campaign=a%0D%0Ab%7F": ("news", None, "a b"),
    f"{SHOP}?utm_source=a%C2%85b&utm_medium=a\tb": ("a b", "a b", None),
    # No address, as far as anybody can tell.
    "utm_source=no": (None, None, None),
    "?utm_source=news": ("news", None, None),
    "http://[::1?utm_source=news": ("news", None, None),
    "javascript:void(0)": (None, None, None),
    "": (None, None, None),
}

#: context.campaign → the same three.
CAMPAIGNS: list[tuple[Any, tuple[str | None, str | None, str | None]]] = [
    ({"source": "news", "medium": " email ", "name": "a\nb"}, ("news", "email", "a b")),
    ({"source": "", "medium": " ", "name": None}, (None, None, None)),
    ({"source": "caf%E9"}, ("caf%E9", None, None)),
    ("spring", (None, None, None)),
    (["spring"], (None, None, None)),
]


def test_a_campaign_is_read_from_an_address_as_a_browser_reads_it(compiled: CompiledModels) -> None:
    lines: list[dict[str, Any]] = []
    wanted: dict[str, tuple[str | None, str | None, str | None]] = {}
    for number, (address, fields) in enumerate(ADDRESSES.items()):
        in_context = f"{number:03} context"
        lines.append(line(in_context, context={"page": {"url": address}}))
        in_properties = f"{number:03} properties"
        lines.append(line(in_properties, properties={"url": address}))
        wanted |= {in_context: fields, in_properties: fields}
    for number, (told, fields) in enumerate(CAMPAIGNS):
        lines.append(line(f"campaign {number}", context={"campaign": told}))
        wanted[f"campaign {number}"] = fields

    warehouse = loaded(compiled.only("stg_footfall__events"), [[File("a.ndjson", lines)]])

    found = {
        row["event_id"]: (row["utm_source"], row["utm_medium"], row["utm_campaign"])
        for row in warehouse.rows("select * from staging.stg_footfall__events")
    }
    assert found == wanted


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_oracle_reads_the_same_campaign(address: str) -> None:
    told = line("e", context={"page": {"url": address}})
    assert campaign(told)[:3] == ADDRESSES[address]


#: Rest of an address → the kind of its click.
CLICKS = {
    "?gclid=Cj0KCQ": "gclid",
    "?GCLID=1&utm_source=news": "gclid",
    "?page=2&amp;fbclid=1": "fbclid",
    "#/offers?msclkid=1": "msclkid",
    "?li%5Ffat_id=1": "li_fat_id",
    # The first with a value counts.
    "?gclid=&fbclid=1&ttclid=2": "fbclid",
    "?gclid&utm_source=": None,
    "?to=https://b.example/?gclid=1": None,
    "?my_gclid=1&gclids=2": None,
}


def test_a_click_is_known_by_the_first_parameter_that_names_one(compiled: CompiledModels) -> None:
    lines = [line(rest, context={"page": {"url": SHOP + rest}}) for rest in CLICKS]

    warehouse = loaded(compiled.only("stg_footfall__events"), [[File("a.ndjson", lines)]])

    found = warehouse.rows("select event_id, click_id from staging.stg_footfall__events")
    assert {row["event_id"]: row["click_id"] for row in found} == CLICKS
    assert {told["event_id"]: campaign(told).click_id for told in lines} == CLICKS


def test_a_visit_takes_all_three_fields_from_its_first_event_with_a_campaign(
    compiled: CompiledModels,
) -> None:
    lines = [
        line(f"e{number}", anonymous_id="d", context={"page": {"url": f"{SHOP}{rest}"}})
        for number, rest in enumerate(("?utm_source=", "?utm_medium=email", "?utm_source=news"))
    ]
    loads = [[File("a.ndjson", lines)]]

    (found,) = loaded(compiled.only("fct_sessions"), loads).rows("select * from marts.fct_sessions")

    assert (found["utm_source"], found["utm_medium"], found["utm_campaign"]) == (
        (None, "email", None)
    )
    (told,) = oracle.warehouse(loads).sessions
    assert told["utm_medium"] == "email"
