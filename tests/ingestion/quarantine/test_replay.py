"""Refused rows are validated again, and land once with their original facts."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ingestion.facts.segments import OpenSegment
from ingestion.landing.recovery import leftovers
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.quarantine.__main__ import main
from ingestion.quarantine.mending import MendFailed, mended, renaming
from ingestion.quarantine.replaying import ReplayBusy, Report, replay
from ingestion.quarantine.rows import Selection
from ingestion.settings import get_settings
from tests.ingestion.collector.live import landed
from tests.ingestion.loading.site import RECEIVED, Site, refused
from tests.ingestion.quarantine import mends

REQUEST = {"protocol": "segment", "path": "/v1/batch", "user_agent": "sdk/1", "ip": "10.0.0.0"}
QUARANTINE = "quarantine/date=2026-03-01/01KJM000000000000000000000-host-1-ab.ndjson.gz"


def row(number: int, body: object, /, **fields: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return refused(f"r{number}", reason="missing_id", body=text, request=REQUEST) | fields


def nameless(**fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "paid", "messageId": "m1", "user": "u1"} | fields


def without_id() -> dict[str, Any]:
    event = nameless()
    del event["messageId"]
    return event


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def again(site: Site, **options: Any) -> Report:
    options.setdefault("mend", renaming(["user=userId"]))
    return replay(site.settings, options.pop("selection", Selection()), **options)


def verdicts(report: Report) -> dict[str, int]:
    return {verdict: count for (_, _, verdict), count in report.counts.items()}


def files(site: Site) -> dict[str, bytes]:
    """Everything in the landing but the lock file."""
    return {
        str(path.relative_to(site.landing)): path.read_bytes()
        for path in site.landing.rglob("*")
        if path.is_file() and path.name != "replay.lock"
    }


def test_a_mended_event_keeps_its_id_its_clock_and_what_stood_beside_it(site: Site) -> None:
    beside = {"sentAt": "2026-03-01T09:59:59Z", "context": {"app": "shop"}}
    site.land(QUARANTINE, [row(1, nameless(), request=REQUEST | {"batch": beside})])

    assert verdicts(again(site)) == {"accepted": 1}

    (line,) = landed(site.landing)
    assert line["event_id"] == "m1"
    assert line["user_id"] == "u1"
    assert line["received_at"] == RECEIVED
    assert line["sent_at"] == "2026-03-01T09:59:59.000000Z"
    assert line["context"] == {"app": "shop"}
    assert line["request"]["user_agent"] == "sdk/1"
    assert line["request"]["replay"] == {
        "file": QUARANTINE, "line": 1, "event": 0, "reason": "missing_id",
    }  # fmt: skip


def test_an_event_without_an_id_gets_the_same_one_in_every_replay(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        site = Site(tmp_path / name)
        site.land(QUARANTINE, [row(1, without_id()), row(2, without_id())])
        again(site)
        ids.append([line["event_id"] for line in landed(site.landing)])

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_replaying_twice_changes_nothing(site: Site) -> None:
    site.land(QUARANTINE, [row(1, nameless()), row(2, without_id())])
    again(site)
    first = files(site)

    report = again(site)

    assert verdicts(report) == {"already_replayed": 2}
    assert report.segments == 0
    assert files(site) == first


def test_another_mend_later_lands_only_what_still_stays(site: Site) -> None:
    site.land(QUARANTINE, [row(1, nameless()), row(2, {"type": "track", "event": "paid"})])

    assert verdicts(again(site)) == {"accepted": 1, "missing_id": 1}
    assert verdicts(again(site, mend=mends.name_the_user)) == {"already_replayed": 1, "accepted": 1}

    assert sorted(line["user_id"] for line in landed(site.landing)) == ["u-mended", "u1"]


def test_a_dry_run_writes_nothing(site: Site) -> None:
    site.land(QUARANTINE, [row(1, nameless())])
    before = files(site)

    assert again(site, dry_run=True).accepted() == 1

    assert files(site) == before


def test_the_name_of_an_event_survives_a_mend_that_changes_it() -> None:
    text = mended(b'{"messageId":"m1"}', lambda event: event | {"messageId": "other"})
    assert text == b'{"messageId":"m1"}'


def test_a_bad_number_that_is_not_mended_is_refused_again(site: Site) -> None:
    body = '{"type":"track","event":"paid","user":"u","properties":{"n":NaN}}'
    site.land(QUARANTINE, [row(1, body)])
    assert verdicts(again(site)) == {"invalid_json": 1}
    assert landed(site.landing) == []

    def zero(event: dict[str, Any]) -> dict[str, Any]:
        return event | {"userId": event["user"], "properties": {"n": 0}}

    assert verdicts(again(site, mend=zero)) == {"accepted": 1}


@pytest.mark.parametrize(
    ("mend", "verdict"),
    [(mends.raise_error, "mend_failed"), (mends.name_the_user, "left"), (None, "missing_id")],
)
def test_what_is_not_accepted_stays_with_its_new_reason(
    site: Site, mend: Callable[[dict[str, Any]], Any], verdict: str
) -> None:
    site.land(QUARANTINE, [row(1, nameless(event="crawled"))])
    before = files(site)

    assert verdicts(again(site, mend=mend)) == {verdict: 1}

    assert files(site) == before


def test_an_unreadable_request_gives_its_events_once_its_text_is_whole(site: Site) -> None:
    body = b'{"batch":[{"type":"track","event":"paid","userId":"u1"},{"type":"nothing"}'
    packed = base64.b64encode(gzip.compress(body)).decode()
    cut = row(1, "", reason="unreadable_request", body=body.decode())
    broken = row(2, "", reason="unreadable_request", body=None, body_base64=packed)
    site.land(QUARANTINE, [cut, broken])

    assert verdicts(again(site)) == {"unreadable_request": 2}
    report = again(site, mend_body=mends.close_the_batch, mend=None)

    assert verdicts(report) == {"accepted": 2, "unknown_type": 2}
    assert [line["user_id"] for line in landed(site.landing)] == ["u1", "u1"]


def test_an_event_that_came_below_a_vendors_own_path_is_replayed(site: Site) -> None:
    request = REQUEST | {"protocol": "snowplow", "path": "/com.acme/track"}
    site.land(QUARANTINE, [row(1, {"e": "pv", "eid": "sp1", "user": "u1"}, request=request)])

    assert verdicts(again(site, mend=renaming(["user=uid"]))) == {"accepted": 1}
    assert [line["event_id"] for line in landed(site.landing)] == ["sp1"]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"reason": "torn_tail"}, "torn_tail"),
        ({"request": REQUEST | {"path": "/i/v9"}}, "unknown_path"),
        ({"body": "", "reason": "unreadable_request"}, "nothing_kept"),
        ({"detail": "too long (the first 9 of 10 bytes are kept)"}, "body_cut"),
    ],
)
def test_what_cannot_be_replayed_says_so(site: Site, fields: Any, verdict: str) -> None:
    site.land(QUARANTINE, [row(1, nameless(), **fields)])
    assert verdicts(again(site)) == {verdict: 1}
    assert landed(site.landing) == []


@pytest.mark.parametrize(
    "selection",
    [
        Selection(source="app"),
        Selection(reason="too_deep"),
        Selection(day=date(2026, 3, 2)),
        Selection(id="m2"),
        Selection(id="r2"),
    ],
)
def test_only_what_is_selected_is_replayed(site: Site, selection: Selection) -> None:
    chosen = {"source_id": "app", "reason": "too_deep", "received_at": "2026-03-02T00:00:00Z"}
    other = row(2, nameless(messageId="m2"), event_id="m2", **chosen)
    site.land(QUARANTINE, [row(1, nameless()), other, row(3, nameless(messageId="m3"))])

    again(site, selection=selection)

    assert [line["event_id"] for line in landed(site.landing)] == ["m2"]


def test_a_new_key_that_is_there_already_is_not_overwritten() -> None:
    with pytest.raises(MendFailed, match="userId is there already"):
        mended(b'{"user":"a","userId":"b"}', renaming(["user=userId"]))
    moved = mended(b'{"properties":{"user":"a"}}', renaming(["properties.user=userId"]))
    assert moved == b'{"properties":{},"userId":"a"}'


class Killed(BaseException):
    """Stands for a kill: no handler of the program's own takes it."""


@pytest.mark.parametrize("step", ["append", "sync", "manifest", "segment", "remove"])
@pytest.mark.parametrize("finisher", ["replay", "collector"])
def test_a_replay_that_was_killed_is_finished_with_the_same_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, finisher: str
) -> None:
    rows = [row(1, nameless()), row(2, without_id())]
    undisturbed = Site(tmp_path / "undisturbed")
    for each in (site, undisturbed):
        each.land(QUARANTINE, rows)
    again(undisturbed)

    def kill(*_: object) -> None:
        raise Killed

    put = Landing.put

    def put_until(self: Landing, finished: Path, relative: str) -> None:
        if relative.startswith("manifest/" if step == "manifest" else "events/"):
            raise Killed
        put(self, finished, relative)

    with monkeypatch.context() as patch:
        if step in ("manifest", "segment"):
            patch.setattr(Landing, "put", put_until)
        else:
            patch.setattr(OpenSegment, step, kill)
        with pytest.raises(Killed):
            again(site)

    if finisher == "collector":
        open_folder = site.settings.open_segments
        for segment in leftovers(open_folder, open_folder):
            seal(segment.path, Landing(site.landing), open_folder)
            segment.remove()
    again(site)

    left = {name: data for name, data in files(site).items() if "gz.tmp" not in name}
    assert {name for name in left if ".manifest" not in name} == set(files(undisturbed))
    assert all(left[name] == data for name, data in files(undisturbed).items())


def test_a_second_replay_at_the_same_time_is_turned_away(site: Site) -> None:
    site.land(QUARANTINE, [row(1, nameless())])

    def replay_meanwhile(event: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(ReplayBusy, match="another replay"):
            again(site)
        return event | {"userId": "u1"}

    assert verdicts(again(site, mend=replay_meanwhile)) == {"accepted": 1}


def test_a_landing_behind_a_url_gives_and_takes(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    store = fsspec.filesystem("memory")
    lines = "".join(json.dumps(row(number, without_id())) + "\n" for number in (1, 2))
    store.pipe(f"/{tmp_path.name}/{QUARANTINE}", gzip.compress(lines.encode()))
    site = Site(tmp_path / "home", landing_url=url)

    assert verdicts(again(site)) == {"accepted": 2}
    names = store.find(f"/{tmp_path.name}")
    assert verdicts(again(site)) == {"already_replayed": 2}

    assert store.find(f"/{tmp_path.name}") == names
    assert len([name for name in names if "/events/" in name]) == 1
    assert len([name for name in names if "/manifest/" in name]) == 1


def run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("FOOTFALL_HOME", str(site.settings.home))
    get_settings.cache_clear()
    try:
        return main(list(arguments))
    finally:
        get_settings.cache_clear()


def test_list_counts_by_day_source_and_reason(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.land(QUARANTINE, [row(1, nameless()), row(2, "[]"), row(3, "{", reason="invalid_json")])
    again(site)

    assert run(site, monkeypatch, "list") == 0

    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert table == [
        ["day", "source", "reason", "refused", "replayed"],
        ["2026-03-01", "web", "invalid_json", "1", "0"],
        ["2026-03-01", "web", "missing_id", "2", "1"],
    ]


def test_show_prints_the_whole_event_and_nothing_a_terminal_obeys(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = '{"a":"\x1b]0;owned\x07\u202e"}\nr9  a forged row'
    packed = base64.b64encode(gzip.compress(b'{"packed":true}')).decode()
    site.land(QUARANTINE, [row(1, hostile), row(2, "", body=None, body_base64=packed)])

    assert run(site, monkeypatch, "show", "--reason", "missing_id") == 0

    shown = capsys.readouterr().out
    assert '    {"a":"\\x1b]0;owned\\x07\\u202e"}\n    r9  a forged row\n' in shown
    assert '    {"packed":true}' in shown
    assert "\x1b" not in shown
    assert [line[:2] for line in shown.splitlines() if not line.startswith(" ")] == ["r1", "r2"]


def test_the_command_replays_and_says_what_stays(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site.land(QUARANTINE, [row(1, nameless()), row(2, nameless(event="crawled"))])

    assert run(site, monkeypatch, "replay", "--mend", f"{mends.__name__}:name_the_user") == 0

    said = capsys.readouterr().out
    assert "stays  r2  left" in said
    assert "1 events landed in 1 segments" in said
    assert len(landed(site.landing)) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--mend", "no_such_module:mend"], ["--mend", "json:nothing"], ["--rename", "user"]],
)
def test_a_mend_that_is_none_is_said_before_anything_is_done(
    site: Site, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    site.land(QUARANTINE, [row(1, nameless(userId="u"))])
    assert run(site, monkeypatch, "replay", *arguments) == 2
    assert landed(site.landing) == []
