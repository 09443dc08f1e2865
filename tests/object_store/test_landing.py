"""Everything that reads or writes the landing works on a bucket, with the requests it needs."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.exporter import __main__ as exporter
from ingestion.facts.disk import Disk
from ingestion.facts.segments import EVENTS, OpenSegment
from ingestion.importer import __main__ as importer
from ingestion.landing.digest import LandingDigest
from ingestion.landing.rewriting import LandedFiles
from ingestion.landing.sealing import seal
from ingestion.landing.store import Landing
from ingestion.landing.tombstones import NOTHING_ERASED
from ingestion.quarantine.mending import renaming
from ingestion.quarantine.replaying import replay
from ingestion.quarantine.rows import Selection
from orchestration.checks.arrival_checks import no_segment_waits_too_long
from orchestration.runs.sweeping import Retention, sweep
from tests.ingestion.loading.site import Site, event, ndjson, refused
from tests.object_store.server import Bucket
from warehouse.connection import connect

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
NAME = "01M856MMWJDSWC2B9E0A4YSGPD-host-1-abcd"
SEGMENT = f"events/date=2026-03-01/hour=10/{NAME}.ndjson.gz"


def allowed(role: str) -> set[str]:
    """The actions that docs/scale.md lists for a role."""
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {role}")]
    return set(re.findall(r"`(s3:\w+)`", row))


def sealed(bucket: Bucket, folder: Path, *ids: str) -> None:
    """Land one segment with these events."""
    folder.mkdir(parents=True, exist_ok=True)
    segment = OpenSegment.create(folder, NAME, EVENTS)
    segment.append(ndjson(event(each, user_id=each) for each in ids), Disk())
    seal(segment.path, Landing(bucket.landing_url), folder)
    segment.remove()


def test_a_segment_takes_one_listing_and_two_uploads(bucket: Bucket, tmp_path: Path) -> None:
    """What docs/scale.md reckons the costs with."""
    sealed(bucket, tmp_path, "e1", "e2")
    assert bucket.names() == [SEGMENT, f"manifest/date=2026-03-01/{NAME}.json"]
    assert [line["event_id"] for line in bucket.lines()] == ["e1", "e2"]
    asked = [(request.method, request.action) for request in bucket.store.requests]
    assert asked == [("GET", "s3:ListBucket"), *[("PUT", "s3:PutObject")] * 2]
    assert bucket.actions() == allowed("a collector")


def test_a_segment_that_has_landed_is_not_uploaded_again(bucket: Bucket, tmp_path: Path) -> None:
    sealed(bucket, tmp_path, "e1")
    bucket.store.requests.clear()
    sealed(bucket, tmp_path, "e1")
    assert [request.method for request in bucket.store.requests] == ["GET"]


def test_more_names_than_a_page_of_a_listing_holds_are_each_loaded_once(
    bucket: Bucket, tmp_path: Path
) -> None:
    names = [f"events/date=2026-03-01/{number:04}.ndjson" for number in range(1_001)]
    for name in names:
        bucket.put(f"landing/{name}", ndjson([event(name)]))
    site = Site(tmp_path / "home", landing_url=bucket.landing_url)
    assert site.load().events == len(names)
    assert site.query("select count(distinct event_id) from raw.events where event_id = _file") == [
        (len(names),)
    ]
    asked = Counter(request.method + request.action for request in bucket.store.requests)
    # One request for each file. A listing has a page for each 1,000 names, and an empty folder of
    # the two others costs a HEAD and a listing more.
    assert asked["GETs3:GetObject"] == len(names)
    assert asked["GETs3:ListBucket"] <= 6
    bucket.store.requests.clear()
    assert site.load().files == 0
    assert {request.key for request in bucket.store.requests} <= {
        *("", "landing/quarantine", "landing/manifest")
    }


def test_a_look_for_new_events_does_not_list_the_manifests(bucket: Bucket, tmp_path: Path) -> None:
    site = Site(tmp_path / "home", landing_url=bucket.landing_url)
    sealed(bucket, site.settings.open_segments, "e1")
    bucket.store.requests.clear()
    assert LandingDigest(site.settings).now()
    asked = str(bucket.store.requests)
    assert "landing/events" in asked
    assert "manifest" not in asked


def test_a_site_lives_on_a_bucket_with_the_actions_that_the_page_lists(
    bucket: Bucket, tmp_path: Path
) -> None:
    site = Site(tmp_path / "home", landing_url=bucket.landing_url)
    now = datetime.now(UTC)
    sealed(bucket, site.settings.open_segments, "e1", "e2")
    assert LandingDigest(site.settings).now()
    assert site.load().events == 2
    with connect(site.settings) as connection:
        assert no_segment_waits_too_long(connection, site.settings, now).passed
    files = LandedFiles(site.settings)
    (segment,) = [file for file in files.landing.files() if file.kind == "events"]
    files.erase([segment], NOTHING_ERASED, also={segment.name: {1}})
    assert bucket.actions() == allowed("the warehouse")
    assert [line["event_id"] for line in bucket.lines()] == ["e2"]

    later = now + timedelta(days=400)
    assert sweep(site.settings, Retention(landing_days=365), later, dry_run=False).counts
    assert bucket.names() == [f"manifest/date=2026-03-01/{NAME}.json"]
    assert bucket.actions() == allowed("the warehouse") | allowed("the job `sweep`")


def test_an_export_in_a_bucket_is_imported_replayed_and_exported(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "home", landing_url=bucket.landing_url, threads=1)
    for command in (importer, exporter):
        monkeypatch.setattr(command, "get_settings", lambda: site.settings)
    call = {"type": "track", "event": "paid", "userId": "u1", "timestamp": "2026-03-01T09:00:00Z"}
    bucket.put("exports/a.jsonl", ndjson([call | {"messageId": f"i{n}"} for n in range(3)]))
    exported = f"s3://{bucket.name}/exports/*.jsonl"
    assert importer.main(["segment", exported, "--source", "web"]) == 0
    assert importer.main(["segment", exported, "--source", "web"]) == 0
    nameless = '{"type":"track","event":"paid","messageId":"r1","user":"u1"}'
    request = {"protocol": "segment", "path": "/v1/track"}
    row = refused("r1", reason="missing_id", body=nameless, request=request)
    bucket.put("landing/quarantine/date=2026-03-01/a.ndjson", ndjson([row]))
    for _ in range(2):
        replay(site.settings, Selection(), mend=renaming(["user=userId"]))
    assert sorted(line["event_id"] for line in bucket.lines()) == ["i0", "i1", "i2", "r1"]

    assert exporter.main(["segment", str(tmp_path / "out")]) == 0
    (out,) = (tmp_path / "out").iterdir()
    exports = [
        json.loads(line)["messageId"] for line in gzip.decompress(out.read_bytes()).splitlines()
    ]
    assert sorted(exports) == ["i0", "i1", "i2", "r1"]
