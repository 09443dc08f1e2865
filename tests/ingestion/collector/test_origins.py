"""Pages may send as one source and not as another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingestion.collector.origins import OriginPolicy
from ingestion.senders import parse_origins
from tests.ingestion.collector.live import KEY, LiveCollector

PAIRS = "web=https://shop.example, web=https://*.shop.example:8443, kiosk=null"
EVENT = {"type": "track", "event": "seen", "userId": "u1"}


@pytest.mark.parametrize(
    ("source", "origin", "may"),
    [
        ("web", "https://shop.example", True),
        ("web", "HTTPS://Shop.Example", True),
        ("web", "https://shop.example:8443", False),
        ("web", "http://shop.example", False),
        ("web", "https://de.shop.example:8443", True),
        ("web", "https://a.de.shop.example:8443", True),
        ("web", "https://evilshop.example", False),
        ("web", "https://shop.example.evil.example", False),
        ("web", "https://evil.example/https://x.shop.example:8443", False),
        ("web", "https://shopXexample", False),
        ("web", "null", False),
        ("web", "", False),
        ("kiosk", "null", True),
        ("kiosk", "https://shop.example", False),
        ("backend", "https://anything.example", True),
    ],
)
def test_a_page_may_send_as_a_source_that_names_it_or_names_none(
    source: str, origin: str, may: bool
) -> None:
    policy = OriginPolicy(parse_origins(PAIRS))
    assert policy.admits(source, origin.encode()) is may


def test_what_is_no_page_may_send_as_every_source() -> None:
    assert OriginPolicy(parse_origins(PAIRS)).admits("web", None)


@pytest.mark.parametrize(
    "pairs",
    ["https://shop.example", "web=shop.example", "web=https://shop.example/path", "web=*", "=null"],
)
def test_what_is_no_origin_is_said_so(pairs: str) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        parse_origins(pairs)


@pytest.mark.parametrize("key_in", ["header", "body"])
def test_a_page_of_another_origin_is_refused_and_nothing_of_it_kept(
    collectors: Callable[..., LiveCollector], key_in: str
) -> None:
    collector = collectors(FOOTFALL_ALLOWED_ORIGINS="web=https://shop.example")

    def post(origin: str, body: object) -> int:
        if key_in == "header":
            return collector.post("/v1/track", body, Origin=origin).status
        assert isinstance(body, dict)
        return collector.post(
            "/v1/batch", {"batch": [body], "writeKey": KEY}, key=None, Origin=origin
        ).status

    assert post("https://shop.example", EVENT) == 200
    assert post("https://other.example", EVENT) == 403
    assert post("https://other.example", {"broken": 1}) == 403
    reply = collector.post("/v1/track", EVENT, Origin="https://other.example")
    assert reply.json["code"] == "origin_not_allowed"
    assert "FOOTFALL_ALLOWED_ORIGINS" in reply.json["message"]
    backend = collector.post("/v1/track", EVENT, key="the-key-of-backend", Origin="https://o.ex")
    assert backend.status == 200
    assert collector.stop() == 0
    assert [line["source_id"] for line in collector.landed()] == ["web", "backend"]
    assert collector.landed("quarantine") == []


def test_origins_of_a_source_without_a_key_are_a_slip_and_said_so(
    collectors: Callable[..., LiveCollector],
) -> None:
    with pytest.raises(AssertionError, match=r"FOOTFALL_ALLOWED_ORIGINS.*'wbe'.*backend, web"):
        collectors(FOOTFALL_ALLOWED_ORIGINS="wbe=https://shop.example")
