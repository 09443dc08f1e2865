"""What a page with the script tag sends, and when."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footfall import Client
from tests.browser.chromium import PATIENCE_SECONDS, PROGRAM, Page, chromium, site, undebugged
from tests.ingestion.collector.live import KEY, LiveCollector, free_port

needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed here")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with chromium(tmp_path / "profile") as each:
        yield each


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[LiveCollector]:
    live = LiveCollector(tmp_path / "home", {"FOOTFALL_DEMO_PAGE": "true"}, port=free_port())
    live.start()
    yield live
    live.kill()
    live.process.stderr.close()  # type: ignore[union-attr]


def tag(collector: LiveCollector, attributes: str = "") -> str:
    source = f"http://127.0.0.1:{collector.port}/footfall.js"
    return f'<script src="{source}" data-write-key="{KEY}" {attributes}></script>'


def landed(collector: LiveCollector) -> list[dict[str, Any]]:
    """Everything that landed, one line an event, in the order of their ids: that of time."""
    assert collector.stop() == 0
    assert collector.landed("quarantine") == []
    lines = {line["event_id"]: line for line in collector.landed()}
    return [lines[event_id] for event_id in sorted(lines)]


def names(lines: list[dict[str, Any]]) -> list[str]:
    return [line["event_name"] for line in lines]


@needs_chromium
def test_a_page_tells_its_web_vitals_once_when_it_is_left_and_only_if_asked(
    page: Page, collector: LiveCollector
) -> None:
    body = "<p style='font-size: 60px'>A heading of some size</p>"
    for attributes in ("", 'data-web-vitals="on"'):
        with site(tag(collector, attributes) + body) as address:
            page.visit(f"{address}/slow?x=1")
            page.until("performance.getEntriesByType('paint').length > 0")
            page.run("history.pushState({}, '', '/later')")
            page.delivered()
            page.visit(f"{address}/next")
            page.delivered()
    vitals = [line for line in landed(collector) if line["event_name"] == "web_vitals"]
    assert [line["properties"]["path"] for line in vitals] == ["/slow"]
    found = vitals[0]["properties"]
    assert found.keys() == {"path", "lcp", "cls"}
    assert isinstance(found["lcp"], int)
    assert found["lcp"] > 0
    assert found["cls"] >= 0


@needs_chromium
def test_a_tag_gives_page_views_in_single_page_apps_too(
    page: Page, collector: LiveCollector
) -> None:
    with site(tag(collector)) as address:
        page.visit(f"{address}/pricing?plan=pro")
        page.delivered()
        page.run("history.pushState({}, '', '/docs'); document.title = 'Docs'")
        page.until("footfall.stats().enqueued === 2")
        page.run("history.replaceState({ scroll: 1 }, '', '/docs')")  # the same place
        page.run("history.pushState({}, '', '/docs#part')")  # a place on the page
        page.run("history.pushState({}, '', '/#/app')")  # where a router lives
        page.until("footfall.stats().enqueued === 3")
        page.run("history.back()")
        page.until("footfall.stats().enqueued === 4")
        page.delivered()
    lines = landed(collector)
    assert names(lines) == ["page_view"] * 4
    assert [line["context"]["page"]["path"] for line in lines] == [
        "/pricing",
        "/docs",
        "/",
        "/docs",
    ]
    assert lines[1]["properties"]["title"] == "Docs"
    assert lines[1]["context"]["page"]["referrer"] == f"{address}/pricing?plan=pro"
    assert len({line["anonymous_id"] for line in lines}) == 1
    clients = [line["context"]["footfall"] for line in lines]
    assert [each["sequence"] for each in clients] == [1, 2, 3, 4]
    assert len({each["process"] for each in clients}) == 1


@needs_chromium
def test_calls_made_before_the_script_came_are_made_after_the_page_view(
    page: Page, collector: LiveCollector
) -> None:
    early = '<script>footfall = []; footfall.push(["track", "early", 7, {"a": 1}])</script>'
    with site(early + tag(collector)) as address:
        page.visit(address + "/")
        page.delivered()
    lines = landed(collector)
    assert names(lines) == ["page_view", "early"]
    assert lines[1]["properties"] == {"value": 7, "a": 1}


@needs_chromium
def test_a_person_is_who_identify_said_until_reset(page: Page, collector: LiveCollector) -> None:
    with site(tag(collector)) as address:
        page.visit(address + "/")
        page.run("footfall.identify('ada', { plan: 'pro' }); footfall.track('seen')")
        page.delivered()
        page.visit(address + "/next")
        page.run("footfall.reset(); footfall.track('after')")
        page.delivered()
    lines = landed(collector)
    users = [(line["event_name"], line["user_id"]) for line in lines]
    assert users == [
        ("page_view", None),
        ("identify", "ada"),
        ("seen", "ada"),
        ("page_view", "ada"),
        ("after", None),
    ]
    assert lines[1]["traits"] == {"plan": "pro"}
    assert lines[0]["anonymous_id"] == lines[3]["anonymous_id"] != lines[4]["anonymous_id"]


@needs_chromium
def test_a_server_that_passes_the_pages_device_on_tells_of_the_same_device(
    page: Page, collector: LiveCollector
) -> None:
    with site(tag(collector)) as address:
        page.visit(address + "/")
        page.delivered()
        device = page.run("footfall.anonymousId()")
    with Client(KEY, f"http://127.0.0.1:{collector.port}") as server:
        server.track("ada", "plan_chosen", anonymous_id=device)
    viewed, chosen = landed(collector)
    assert names([viewed, chosen]) == ["page_view", "plan_chosen"]
    assert viewed["anonymous_id"] == chosen["anonymous_id"] == device


@needs_chromium
def test_what_the_page_says_as_it_goes_away_arrives(page: Page, collector: LiveCollector) -> None:
    body = "<script>addEventListener('pagehide', () => footfall.track('left'))</script>"
    with site(body + tag(collector)) as address:
        page.visit(address + "/")
        page.delivered()
        page.run("footfall.track('clicked')")
        page.visit("about:blank")
        # A beacon has no answer to wait for: another page of the browser comes after it.
        page.visit(f"http://127.0.0.1:{collector.port}/demo")
        wait_for(collector, 3)
    assert names(landed(collector)) == ["page_view", "clicked", "left"]


RULES = json.dumps({"prerender": [{"source": "list", "urls": ["/next"], "eagerness": "immediate"}]})
CALLS = "footfall.track('made_ready', document.prerendering)"
#: Tells the collector by an event of its own that the page is there, seen or not.
READY = (
    f"fetch('COLLECTOR/v1/track', {{method: 'POST', body: JSON.stringify({{writeKey: '{KEY}',"
    " anonymousId: 'probe', event: 'ran', properties: {path: location.pathname,"
    " prerendering: document.prerendering}})})"
)


def prerendering(collector: LiveCollector) -> str:
    """A page that has the browser prepare /next, on which the page calls ``track`` at once."""
    ready = READY.replace("COLLECTOR", f"http://127.0.0.1:{collector.port}")
    rules = f"<script type=speculationrules>{RULES}</script><a href=/next>next</a>"
    return f"{tag(collector)}<script>{CALLS}; {ready}</script>{rules}"


@needs_chromium
@pytest.mark.parametrize("is_shown", [False, True])
def test_a_prerendered_page_is_counted_when_it_is_shown_and_never_if_it_is_not(
    collector: LiveCollector, tmp_path: Path, is_shown: bool
) -> None:
    body = prerendering(collector)
    if is_shown:
        # Once the other page is ready; a link, for a prerendered page is not typed in.
        body += "<script>if (location.pathname === '/start') setTimeout(() => "
        body += "document.querySelector('a').click(), 3000)</script>"
    with site(body) as address, undebugged(tmp_path / "profile", f"{address}/start"):
        # /start's page view, its call and its probe, and the probe of /next at the least.
        wait_for(collector, 6 if is_shown else 4)
        time.sleep(0 if is_shown else 2)
    lines = landed(collector)
    probes = {
        line["properties"]["path"]: line["properties"]["prerendering"]
        for line in lines
        if line["event_name"] == "ran"
    }
    assert probes == {"/start": False, "/next": True}  # or nothing was prerendered here
    seen = [line for line in lines if line["event_name"] != "ran"]
    told = [(line["event_name"], line["context"]["page"]["path"]) for line in seen]
    assert told[:2] == [("page_view", "/start"), ("made_ready", "/start")]
    assert told[2:] == ([("page_view", "/next"), ("made_ready", "/next")] if is_shown else [])
    if is_shown:
        assert seen[2]["context"]["page"]["referrer"].endswith("/start")
        assert seen[2]["original_timestamp"] > _probe(lines)["received_at"]
        assert seen[3]["properties"] == {"value": True}


def _probe(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(line for line in lines if line["properties"].get("prerendering"))


@needs_chromium
def test_a_page_that_comes_back_from_the_browsers_memory_is_seen_again(
    page: Page, collector: LiveCollector
) -> None:
    mark = "<script>addEventListener('pageshow', e => { window.came_back = e.persisted })</script>"
    with site(mark + tag(collector)) as address:
        page.visit(f"{address}/one")
        page.delivered()
        page.visit(f"{address}/two")
        page.delivered()
        page.run("history.back()")
        page.until("location.pathname === '/one' && window.came_back === true")
        page.until("footfall.stats().enqueued === 2")
        page.delivered()
    lines = landed(collector)
    assert [line["context"]["page"]["path"] for line in lines] == ["/one", "/two", "/one"]
    assert names(lines) == ["page_view"] * 3


def wait_for(collector: LiveCollector, events: int) -> None:
    def accepted() -> float:
        text = collector.get("/metrics").text.decode()
        counts = [line for line in text.splitlines() if "events_accepted_total{" in line]
        return sum(float(line.rpartition(" ")[2]) for line in counts if "_created" not in line)

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if accepted() >= events:
            return
        time.sleep(0.02)
    raise AssertionError(f"{accepted()} events were accepted, not {events}")


@needs_chromium
def test_events_wait_for_a_collector_that_is_away_and_outlive_the_page(
    page: Page, collector: LiveCollector
) -> None:
    with site(tag(collector)) as address:
        page.visit(address + "/")
        page.delivered()
        collector.kill()
        collector.process.stderr.close()  # type: ignore[union-attr]
        page.run("for (let n = 0; n < 150; n++) footfall.track('step', n)")
        page.until("Object.keys(localStorage).filter(n => n.includes('event')).length === 150")
        page.visit("about:blank")
        collector.start()
        # Events of a page that has gone are taken over once they are ten seconds old.
        page.before_each_page("{ const now = Date.now; Date.now = () => now() + 60000 }")
        page.visit(address + "/again")
        page.until("footfall.stats().sent === 151")
        page.delivered()
        assert page.run("Object.keys(localStorage).filter(n => n.includes('event'))") == []
    lines = landed(collector)
    steps = [line["properties"]["value"] for line in lines if line["event_name"] == "step"]
    assert sorted(steps) == list(range(150))


@needs_chromium
@pytest.mark.parametrize(
    ("signal", "asked", "respect", "is_off"),
    [
        ("globalPrivacyControl", "true", "gpc", True),
        ("globalPrivacyControl", "true", "dnt", False),
        ("doNotTrack", "'1'", "dnt gpc", True),
        ("doNotTrack", "'0'", "dnt gpc", False),
        ("doNotTrack", "'1'", "", False),
    ],
)
def test_a_wish_not_to_be_tracked_is_honoured_where_the_tag_says_so(
    page: Page, collector: LiveCollector, signal: str, asked: str, respect: str, is_off: bool
) -> None:
    page.before_each_page(
        f"Object.defineProperty(Navigator.prototype, '{signal}', {{ get: () => {asked} }})"
    )
    with site(tag(collector, f'data-respect="{respect}"')) as address:
        page.visit(address + "/")
        page.run("footfall.track('seen'); footfall.identify('ada'); footfall.flush()")
        page.delivered()
        assert page.run("footfall.isOff") is is_off
        assert bool(page.run("localStorage.length")) is not is_off
    assert bool(landed(collector)) is not is_off


@needs_chromium
def test_a_page_with_a_strict_policy_and_without_storage_is_heard(
    page: Page, collector: LiveCollector
) -> None:
    at = f"http://127.0.0.1:{collector.port}"
    page.before_each_page(
        "Object.defineProperty(window, 'localStorage', { get() { throw Error('no') } })"
    )
    with site(tag(collector), f"default-src 'none'; script-src {at}; connect-src {at}") as address:
        page.visit(address + "/")
        page.run("footfall.track('seen')")
        page.delivered()
    assert names(landed(collector)) == ["page_view", "seen"]


@needs_chromium
def test_what_cannot_be_sent_is_counted_and_the_count_arrives(
    page: Page, collector: LiveCollector
) -> None:
    with site(tag(collector)) as address:
        page.visit(address + "/")
        page.run("const loop = {}; loop.loop = loop; footfall.track('loop', loop)")
        page.run("footfall.track('long', 'x'.repeat(40000)); footfall.track(' ')")
        page.run(
            r"footfall.track('odd', '\ud800\udbff\udc00\udc00 \u0000\u0000\u0000 \\u0000\\\u0000')"
        )
        page.until("footfall.stats().sent === 3")
        page.delivered()
        stats = page.run("footfall.stats()")
    assert stats["dropped"] == {"invalid": 2, "too_large": 1}
    assert stats["enqueued"] == stats["sent"] + 3
    lines = landed(collector)
    assert names(lines) == ["page_view", "odd", "footfall_events_dropped"]
    assert (
        lines[1]["properties"]["value"]
        == "\ufffd\U0010fc00\ufffd \ufffd\ufffd\ufffd \\u0000\\\ufffd"
    )
    assert lines[2]["properties"]["dropped"] == {"invalid": 2, "too_large": 1}


@needs_chromium
def test_a_wrong_key_is_said_and_tries_no_more(page: Page, collector: LiveCollector) -> None:
    with site(tag(collector).replace(KEY, "wrong")) as address:
        page.visit(address + "/")
        page.until("footfall.stats().dropped.http_401 === 1")


@needs_chromium
def test_clicks_on_the_demo_page_land(page: Page, collector: LiveCollector) -> None:
    page.visit(f"http://127.0.0.1:{collector.port}/demo?writeKey={KEY}")
    page.until("window.footfall && footfall.stats && footfall.stats().sent === 1")
    for button in ("[data-go$=pricing]", "[data-track=plan_chosen]", "#sign-in"):
        page.run(f"document.querySelector('{button}').click()")
    page.until("footfall.stats().sent === 4")
    page.until("document.getElementById('state').textContent.startsWith('4 acknowledged')")
    lines = landed(collector)
    assert sorted(names(lines)) == ["identify", "page_view", "page_view", "plan_chosen"]
    assert {line["user_id"] for line in lines} == {None, "ada"}


def test_the_script_is_served_once_and_then_known(collector: LiveCollector) -> None:
    script = collector.get("/footfall.js")
    assert script.status == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert "max-age=3600" in script.headers["cache-control"]
    known = {"If-None-Match": script.headers["etag"]}
    again = collector.request("GET", "/footfall.js", headers=known)
    assert (again.status, again.text) == (304, b"")


def test_the_demo_page_is_served_only_where_it_is_wanted(tmp_path: Path) -> None:
    live = LiveCollector(tmp_path / "home", {}).start()
    try:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{live.port}/demo")
    finally:
        live.kill()
        live.process.stderr.close()  # type: ignore[union-attr]
