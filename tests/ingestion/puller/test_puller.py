"""Pulling: each window once, late rows too, and whatever the tool answers."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.importer import __main__ as importer
from ingestion.puller import __main__ as command
from ingestion.puller.definitions import Pull, read_pulls
from ingestion.puller.pulling import PullFailed, pull
from ingestion.puller.vendors import DAY, HOUR, VENDORS, windows
from tests.ingestion.loading.site import Site

Answer = tuple[int, bytes, dict[str, str]]
NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)


class StandIn:
    """A tool on the loopback that answers what a test says, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer] = lambda query: (200, b"", {})
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                query = {name: each[0] for name, each in parse_qs(address.query).items()}
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                key = self.headers.get("Authorization", "")
                stand_in.asked.append((address.path, query, key, body))
                status, content, headers = stand_in.answer(query)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                self.close_connection = "Content-Length" in headers

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    each = StandIn()
    yield each
    each.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    each = Site(tmp_path / "home", threads=1)
    monkeypatch.setattr(importer, "get_settings", lambda: each.settings)
    return each


def landed(site: Site) -> list[str]:
    """The event ids of all lines of the landing, in order."""
    lines = [
        json.loads(line)
        for path in sorted((site.settings.home / "landing" / "events").rglob("*.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return sorted(line["event_id"] for line in lines)


def of(vendor: str, url: str, **more: Any) -> Pull:
    fields = {"name": "app", "from": vendor, "since": "2026-03-01", "url": url}
    return Pull.model_validate(fields | more)


def pulled(site: Site, one: Pull, now: datetime = NOW) -> list[str]:
    (site.settings.home).mkdir(parents=True, exist_ok=True)
    lines = pull(one, "me:hidden", site.settings.home, now, command._import, wait_seconds=0.05)
    return list(lines)


def amplitude(*events: str, hour: int = 0) -> bytes:
    rows = [
        {
            "uuid": event,
            "event_type": "click",
            "device_id": "d1",
            "user_id": None,
            "event_time": f"2026-03-01 {hour:02}:10:00.000000",
            "server_received_time": f"2026-03-01 {hour:02}:10:01.000000",
        }
        for event in events
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        packed.writestr(f"1/1_2026-03-01_{hour}#0.json.gz", gzip.compress(text))
    return out.getvalue()


def mixpanel(*events: str) -> bytes:
    rows = [
        {
            "event": "click",
            "properties": {"time": 1772359200, "$insert_id": event, "$device_id": "d1"},
        }
        for event in events
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_each_hour_of_amplitude_is_asked_once_two_hours_after_it_is_over(
    site: Site, stand_in: StandIn
) -> None:
    held = {"20260301T00": amplitude("a", "b"), "20260301T02": amplitude("c", hour=2)}

    def answer(query: dict[str, str]) -> Answer:
        content = held.get(query["start"])
        return (200, content, {}) if content else (404, b"", {})

    stand_in.answer = answer
    one = of("amplitude", stand_in.url, lookback_hours=0)
    now = datetime(2026, 3, 1, 5, 0, tzinfo=UTC)
    assert pulled(site, one, now) == [
        "app 2026-03-01 00:00: 2 new rows, 0 known",
        "app 2026-03-01 01:00: 0 new rows, 0 known",
        "app 2026-03-01 02:00: 1 new rows, 0 known",
    ]
    path, query, key, _ = stand_in.asked[0]
    assert (path, query) == ("/api/2/export", {"start": "20260301T00", "end": "20260301T00"})
    assert key.startswith("Basic ")
    assert len(landed(site)) == len(set(landed(site))) == 3
    assert pulled(site, one, now + timedelta(minutes=59)) == []
    assert len(pulled(site, one, now + HOUR)) == 1
    assert len(landed(site)) == 3


def test_what_comes_late_lands_once_and_what_was_there_is_not_landed_again(
    site: Site, stand_in: StandIn
) -> None:
    stand_in.answer = lambda query: (200, mixpanel("a", "b", "b"), {})
    one = of("mixpanel", stand_in.url, since="2026-03-02", project=7)
    assert pulled(site, one) == ["app 2026-03-02 00:00: 2 new rows, 0 known"]
    stand_in.answer = lambda query: (200, mixpanel("b", "c", "a"), {})
    assert pulled(site, one) == ["app 2026-03-02 00:00: 1 new rows, 2 known"]
    ids = landed(site)
    assert len(ids) == len(set(ids)) == 3
    _, query, _, _ = stand_in.asked[0]
    assert query == {"from_date": "2026-03-02", "to_date": "2026-03-02", "project_id": "7"}
    # Three days later the day is asked no more, and its rows are forgotten.
    stand_in.answer = lambda query: (200, b"", {})
    pulled(site, one, NOW + 3 * DAY)
    folder = site.settings.home / "pulls" / "app"
    assert [path.name for path in folder.glob("*.rows")] == []


def test_a_pull_that_is_killed_after_it_landed_lands_nothing_twice(
    site: Site, stand_in: StandIn
) -> None:
    stand_in.answer = lambda query: (200, mixpanel("a", "b"), {})
    one = of("mixpanel", stand_in.url, since="2026-03-02")

    def killed(rows: Path, pull: Pull) -> bool:
        assert command._import(rows, pull)
        raise KeyboardInterrupt

    site.settings.home.mkdir(parents=True, exist_ok=True)
    with pytest.raises(KeyboardInterrupt):
        list(pull(one, "key", site.settings.home, NOW, killed))
    assert pulled(site, one) == ["app 2026-03-02 00:00: 2 new rows, 0 known"]
    assert len(landed(site)) == 2


def test_matomo_is_asked_with_its_token_in_the_body(site: Site, stand_in: StandIn) -> None:
    visit = {
        "idSite": 1,
        "idVisit": 5,
        "visitorId": "v",
        "actionDetails": [
            {"type": "action", "url": "https://a.example/", "timestamp": 1772409600, "pageId": 1}
        ],
    }
    stand_in.answer = lambda query: (200, json.dumps([visit]).encode(), {})
    one = of("matomo", stand_in.url, since="2026-03-02", site=1)
    assert pulled(site, one) == ["app 2026-03-02 00:00: 1 new rows, 0 known"]
    path, query, _, body = stand_in.asked[0]
    assert path == "/index.php"
    assert query["idSite"] == "1"
    assert body == "token_auth=me%3Ahidden"
    # The visit goes on: it comes whole, and only its new action is an event that is not there.
    visit["actionDetails"].append(  # type: ignore[attr-defined]
        {"type": "action", "url": "https://a.example/b", "timestamp": 1772409660, "pageId": 2}
    )
    pulled(site, one)
    assert len(set(landed(site))) == 2


def test_a_tool_that_asks_for_patience_is_asked_again(site: Site, stand_in: StandIn) -> None:
    answers = iter([(429, b"", {"Retry-After": "0"}), (503, b"", {}), (200, mixpanel("a"), {})])
    stand_in.answer = lambda query: next(answers)
    one = of("mixpanel", stand_in.url, since="2026-03-02")
    assert pulled(site, one) == ["app 2026-03-02 00:00: 1 new rows, 0 known"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401, b"", {}), "the key was refused (401); write app=API secret"),
        ((429, b"", {}), "it answered 429; the next pull goes on from here"),
        ((400, b"", {}), "it answered 400; the next pull goes on from here"),
        ((200, mixpanel("a") + b"terminated early\n", {}), "it ended its answer early"),
        ((200, b"{}", {"Content-Length": "9"}), "the next pull goes on from here"),
        ((200, b"<html>maintenance</html>", {}), "cannot be imported"),
    ],
)
def test_an_answer_that_is_none_fails_and_is_asked_again(
    site: Site, stand_in: StandIn, answer: Answer, sentence: str
) -> None:
    stand_in.answer = lambda query: answer
    one = of("mixpanel", stand_in.url, since="2026-03-01")
    with pytest.raises(PullFailed) as raised:
        pulled(site, one)
    assert sentence in str(raised.value)
    assert "hidden" not in str(raised.value)
    stand_in.answer = lambda query: (200, mixpanel(query["from_date"]), {})
    assert len(pulled(site, one)) == 2
    assert len(landed(site)) == 2


def test_a_window_is_due_when_the_tool_has_all_of_it() -> None:
    mixpanel, amplitude = VENDORS["mixpanel"], VENDORS["amplitude"]
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert windows(mixpanel, since, None, DAY, NOW) == [since, since + DAY]
    # The day that was not over when it was asked is asked again, and so is the one before it.
    assert windows(mixpanel, since, NOW, DAY, NOW + HOUR) == [since, since + DAY]
    assert windows(mixpanel, since, NOW, timedelta(), NOW + HOUR) == [since + DAY]
    hours = windows(amplitude, since, None, DAY, since + 3 * HOUR)
    assert hours == [since]
    assert windows(amplitude, since, since + HOUR, timedelta(), since + 3 * HOUR) == []
    assert windows(mixpanel, NOW + DAY, None, DAY, NOW) == []


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("name: a", "write a list"),
        ("- 5", "pull 1 is left out: write its name, from and since"),
        ("- {name: a, from: amplitude}", "pull a is left out: since is missing"),
        ("- {name: a, from: heap, since: 2026-01-01}", "heap is none of amplitude, mixpanel, mat"),
        ("- {name: a b, from: amplitude, since: 2026-01-01}", "it must be 1 to 64 letters"),
        ("- {name: a, from: matomo, since: 2026-01-01}", "matomo needs url and site"),
        ("- {name: a, from: amplitude, since: 2026-01-01, site: 1}", "amplitude has no site"),
        ("- {name: a, from: amplitude, since: 2026-01-01, key: x}", "key is none of name, from"),
        ("- {name: a, from: amplitude, since: 2026-01-01, url: amplitude.com}", "https://"),
        ("- {name: a, from: mixpanel, since: 2026-01-01, time_zone: Mars}", "Mars is no time zone"),
        ("[", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, written: str, problem: str) -> None:
    good = "\n- {name: good, from: amplitude, since: 2026-01-01}" if written[0] == "-" else ""
    (tmp_path / "pulls.yml").write_text(written + good)
    pulls, (told,) = read_pulls(tmp_path)
    assert problem in told
    assert [each.name for each in pulls] == (["good"] if good else [])


def test_one_pull_that_fails_does_not_keep_the_next_from_being_made(
    site: Site, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    stand_in.answer = lambda query: (
        (401, b"", {}) if query.get("project_id") else (200, mixpanel("a"), {})
    )
    home = site.settings.home
    home.mkdir(parents=True, exist_ok=True)
    shared = f"from: mixpanel, since: {datetime.now(UTC):%Y-%m-%d}, url: '{stand_in.url}'"
    (home / "pulls.yml").write_text(
        f"- {{name: bad, {shared}, project: 1}}\n- {{name: none, {shared}}}\n"
        f"- {{name: app, {shared}, source: web}}\n"
    )
    settings = site.settings.model_copy(
        update={"pull_keys": type(site.settings)(pull_keys="bad=x:y, app=u:v").pull_keys}
    )
    monkeypatch.setattr(command, "get_settings", lambda: settings)
    assert command.main([]) == 1
    told = capsys.readouterr()
    assert "app 20" in told.out
    assert "the key was refused" in told.err
    assert "FOOTFALL_PULL_KEYS has no none=API secret" in told.err
    assert len(landed(site)) == 1
    with pytest.raises(SystemExit):
        command.main(["nobody"])
    assert "has no nobody; it has bad, none, app" in capsys.readouterr().err


def test_without_a_file_there_is_nothing_to_pull(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    site.settings.home.mkdir(parents=True)
    monkeypatch.setattr(command, "get_settings", lambda: site.settings)
    assert command.main([]) == 0
    assert "nothing to pull" in capsys.readouterr().out
