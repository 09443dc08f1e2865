"""The settings that SDKs request, and the unusual ways in which some of them send."""

from __future__ import annotations

import base64

import pytest

from tests.ingestion.collector.live import KEY, LiveCollector

SNOWPLOW_EVENT = {"e": "pv", "eid": "sp-1", "uid": "u1", "aid": KEY, "dtm": "1795449551006"}


@pytest.mark.parametrize("path", ["/sourceConfig/", "/cfg/sourceConfig/"])
def test_rudderstack_hears_that_its_source_is_on(shared: LiveCollector, path: str) -> None:
    source = shared.get(f"{path}?p=npm&writeKey=a%20key").json["source"]
    assert source["enabled"] is True
    assert source["writeKey"] == "a key"
    assert source["destinations"] == []
    statistics = source["config"]["statsCollection"]
    assert not statistics["errors"]["enabled"]
    assert not statistics["metrics"]["enabled"]


def test_a_senseless_query_gets_the_answer_without_a_key(shared: LiveCollector) -> None:
    query = "&".join(f"{number}=1" for number in range(100))
    assert shared.get(f"/sourceConfig?{query}").json["source"]["writeKey"] == ""


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/array/phc_any/config"), ("POST", "/flags/?v=2"), ("POST", "/decide/?v=3")],
)
def test_posthog_hears_that_there_are_no_flags(
    shared: LiveCollector, method: str, path: str
) -> None:
    reply = shared.request(method, path, b'{"api_key":"x"}' if method == "POST" else None)
    assert reply.status == 200
    assert reply.json["hasFeatureFlags"] is False
    assert reply.json["featureFlags"] == {}
    assert "gzip" in reply.json["supportedCompression"]


def test_the_wrong_method_of_a_question_is_said_so(shared: LiveCollector) -> None:
    reply = shared.request("POST", "/array/phc_any/config")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, OPTIONS")
    assert shared.get("/array/a/b/config").status == 404


@pytest.mark.parametrize("path", ["/com.acme/track", "/com.acme.shop/v-2_x"])
def test_a_snowplow_tracker_may_post_below_a_vendor_of_its_own(
    shared: LiveCollector, path: str
) -> None:
    reply = shared.post(path, {"data": [SNOWPLOW_EVENT]}, key=None)
    assert (reply.status, reply.json["accepted"]) == (200, 1)


@pytest.mark.parametrize("path", ["/acme/track", "/com.acme", "/com.acme/a/b", "/com..acme/t"])
def test_what_is_no_vendors_path_is_unknown(shared: LiveCollector, path: str) -> None:
    assert shared.post(path, {"data": [SNOWPLOW_EVENT]}, key=None).status == 404


@pytest.mark.parametrize("header", [{"Sec-Fetch-Dest": "image"}, {"Accept": "image/avif,*/*"}])
def test_an_image_tag_gets_an_image(shared: LiveCollector, header: dict[str, str]) -> None:
    query = "&".join(f"{name}={value}" for name, value in SNOWPLOW_EVENT.items())
    reply = shared.request("GET", f"/i?{query}", headers=header)
    assert reply.status == 200
    assert reply.headers["content-type"] == "image/gif"
    assert base64.b64encode(reply.text).startswith(b"R0lGODlhAQAB")
    refused = shared.request("GET", "/i?e=pv&aid=wrong", headers=header)
    assert (refused.status, refused.json["code"]) == (401, "unknown_write_key")


@pytest.mark.parametrize("parameter", ["writeKey", "api_key"])
def test_a_key_may_stand_in_the_query(shared: LiveCollector, parameter: str) -> None:
    event = {"event": "seen", "distinct_id": "u1", "properties": {}}
    assert shared.post(f"/e/?{parameter}={KEY}", event, key=None).status == 200
    assert shared.post(f"/e/?{parameter}=wrong", event, key=None).status == 401
