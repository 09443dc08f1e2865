"""A bad file, line or manifest affects nothing else, and raw.bad_lines says why it is bad."""

from __future__ import annotations

import errno
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]

from ingestion.landing.store import Landing, LandingUnusable
from ingestion.loading import inserting
from tests.ingestion.loading.site import RECEIVED, Site, event, ndjson
from tests.ingestion.loading.ways import Ways
from warehouse.connection import HomeUnusable

GOOD = ndjson([event("good")])


def test_good_lines_are_loaded_and_the_bad_one_says_why(site: Site) -> None:
    cases: list[tuple[bytes, str]] = [
        (GOOD + b'{"event_id":"torn', "not a line of this format"),
        (b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\0\0\0", "not a line of this format"),
        (GOOD + b'{"event_id":"' + b"x" * (2 << 20) + b'"}\n', "longer than 1048576 bytes"),
        (GOOD + ndjson([event("", user_id="u2")]), "event_id is empty"),
        (GOOD + b"event_id,source_id\n", "not a line of this format"),
        (gzip.compress(GOOD)[:-4], "put the whole file under another name"),
        (gzip.compress(GOOD) + b"garbage", "damaged"),
    ]
    for number, (content, _) in enumerate(cases):
        site.land(f"events/{number}.ndjson", content)
    report = site.load()
    assert (report.events, report.bad_lines) == (len(cases), len(cases))
    assert site.ids() == ["good"] * len(cases)
    for (line, reason), (_, expected) in zip(site.reasons(), cases, strict=True):
        assert line == 2
        assert expected in reason
    # They are in the ledger, so the next load has nothing to do with them.
    assert site.load().files == 0


def test_a_file_of_another_format_becomes_bad_lines_alone(site: Site) -> None:
    contents = [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        json.dumps([event("a1"), event("a2")]).encode(),
        ndjson([event("a1")]).decode().encode("utf-16"),
        b"{}\n",
        b"event_id;source_id\n1;2\n",
        b"\x1f\x8b",
        b"\x1f\x8bno gzip at all",
    ]
    for number, content in enumerate(contents):
        site.land(f"events/{number}.ndjson", content)
    site.land("events/z.ndjson", [event("z1")])
    site.load()
    assert site.ids() == ["z1"]
    assert site.query("select count(*) from raw.files where bad_count > 0") == [(len(contents),)]


def test_a_file_full_of_bad_lines_is_counted_whole_and_kept_in_part(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserting, "BAD_LINES_KEPT", 3)
    monkeypatch.setattr(inserting, "BAD_TEXT_KEPT", 25)
    site.land("events/a.ndjson", b"ten chars.\n" * 50)
    assert site.load().bad_lines == 50
    assert site.query("select text from raw.bad_lines order by _line") == [
        ("ten chars.",),
        ("ten chars.",),
        ("ten c",),
    ]
    assert site.query("select line_count, loaded_count, bad_count from raw.files") == [(50, 0, 50)]


def test_the_first_bad_line_of_a_site_comes_in_after_clean_loads(site: Site) -> None:
    # Tables that were made empty once had a column that may not be null, and no row for it.
    site.load()
    site.land("events/a.ndjson", [event("a1")])
    site.load()
    site.land("events/b.ndjson", b"x\n")
    site.land("events/a.ndjson", [event("a1")])
    site.vouch("events/a.ndjson", 1)
    assert site.load().bad_lines == 1


def test_a_manifest_that_cannot_be_read_is_a_bad_line(site: Site) -> None:
    manifests = [
        b"",
        b"not JSON",
        b"[]",
        b"\xff\xfe",
        b'{"segment": "events/a.ndjson"}',
        b'{"segment":"events/a.ndjson","lines":1,"sha256":"x","received":{"web":{"today":1}}}',
        b'{"segment":"events/a.ndjson","lines":1,"sha256":"x","received":{"web":3}}',
        b'{"segment":"events/a.ndjson","lines":"1","sha256":"x","received":{}}',
    ]
    site.land("events/a.ndjson", [event("a1")])
    for number, manifest in enumerate(manifests):
        site.land(f"manifest/{number}.json", manifest)
    report = site.load()
    assert (report.events, report.bad_lines) == (1, len(manifests))
    assert all(reason.startswith("not a manifest") for _, reason in site.reasons())


def test_a_manifest_that_lies_about_its_segment_vouches_for_nothing(site: Site) -> None:
    lies: list[dict[str, Any]] = [
        {"sha256": "0" * 64},
        {"lines": 7},
        {"segment": "events/x.ndjson"},
    ]
    for number, lie in enumerate(lies):
        name = f"events/{number}.ndjson"
        site.land(name, [event("good"), event("good") | {"unknown": 1}])
        site.vouch(name, **{"lines": 2} | lie)
        # Each in a load of its own: one file without an honest manifest has its group judged.
        assert site.load().bad_lines == 1


@pytest.mark.parametrize(
    "content",
    [
        ndjson([event("", user_id="u2")]),
        ndjson([event("x", received_at=None)]),
        ndjson([event("x", type="click")]),
        ndjson([event("x", properties=[1])]),
        ndjson([event("x", user_id=None)]),
        ndjson([event("x", sent_at="9999-12-31T23:59:59-14:00")]),
        b'{"torn\n',
        b"\n",
    ],
)
def test_a_line_no_judge_would_pass_is_found_behind_a_manifest_too(
    ways: Ways, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data = GOOD + content + GOOD.replace(b"good", b"next")
    inserted = ways.inserted("events", data, 3, vouched=True)
    assert "judged line by line" in caplog.text
    assert inserted.file.bad_count == (content != b"\n")
    found = [(row["_line"], row["event_id"]) for row in inserted.rows]
    assert found == [(1, "good"), (3, "next")]


def test_a_file_that_cannot_be_read_waits_and_the_rest_is_loaded(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.land("events/b.ndjson", [event("b1")])
    (site.landing / "events" / "a.ndjson").symlink_to(site.landing / "gone")
    assert site.load().files == 1
    assert "events/a.ndjson cannot be read and waits" in caplog.text
    (site.landing / "gone").write_bytes(GOOD)
    assert site.load().events == 1


def test_a_file_that_goes_away_during_a_load_costs_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = site.land("events/a.ndjson", [event("a1")])
    site.land("events/b.ndjson", [event("b1")])
    files = Landing.files

    def files_then_gone(landing: Landing) -> Any:
        found = files(landing)
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Landing, "files", files_then_gone)
    assert site.load().events == 1
    assert site.ids() == ["b1"]


def test_a_disk_that_fills_up_while_lines_are_read_leaves_the_warehouse_as_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.land("events/a.ndjson", [event("a1")])
    site.load()
    before = site.query("select * from raw.files order by all")
    site.land("events/b.ndjson", [event("b1")])

    def full(*arguments: Any, **how: Any) -> dict[str, int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("insert_lines", "read_lines"):
        with monkeypatch.context() as patch:
            patch.setattr(inserting, name, full)
            with pytest.raises(Exception, match="No space left on device"):
                site.load()
        assert site.query("select * from raw.files order by all") == before
        assert site.ids() == ["a1"]
        assert not (site.settings.home / "dlt").exists()
    assert site.load().events == 1


def test_a_landing_that_is_no_folder_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    site = Site(tmp_path / "home", landing_url=str(tmp_path / "file"))
    with pytest.raises(LandingUnusable, match=r"^FOOTFALL_LANDING_URL: .*file cannot be used"):
        site.load()


def test_a_landing_of_an_unknown_scheme_is_named_with_its_variable(tmp_path: Path) -> None:
    site = Site(tmp_path / "home", landing_url="nowhere://bucket")
    with pytest.raises(LandingUnusable, match=r"^FOOTFALL_LANDING_URL: nowhere://bucket .*driver"):
        site.load()


def test_a_landing_that_cannot_be_listed_says_what_to_do(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = Landing(site.settings.landing)

    def denied(*arguments: Any, **how: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(LocalFileSystem, "find", denied)
    with pytest.raises(LandingUnusable, match=r"Permission denied\): make it readable"):
        landing.files()


def test_a_home_that_cannot_be_written_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(HomeUnusable, match=r"^FOOTFALL_HOME: .*home cannot be written to"):
        Site(tmp_path / "home").load()


def test_times_at_the_edge_of_what_is_accepted_are_loaded_and_reported(site: Site) -> None:
    last = "9998-12-31T23:59:59.999999Z"
    site.land("events/a.ndjson", [event("a", received_at=last), event("b", received_at=RECEIVED)])
    site.vouch("events/a.ndjson", 2)
    site.land("events/b.ndjson", [event("c", received_at="1970-01-01T00:00:00Z")])
    report = site.load()
    assert (report.events, report.bad_lines) == (3, 0)
    assert str(report.data_through).startswith("9998-12-31 23:59:59.999999")
