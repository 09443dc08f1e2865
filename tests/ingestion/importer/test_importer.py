"""An import lands each readable record once, and every other one in quarantine with its reason."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
import sys
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pytest

from ingestion.importer import parts, reading
from ingestion.quarantine.replaying import replay
from ingestion.quarantine.rows import Selection
from tests.ingestion.collector.test_erased import bury
from tests.ingestion.importer.conftest import Desk, Line
from tests.ingestion.loading.site import CHECKOUT, Site


def posthog(uuid: str, **fields: Any) -> Line:
    """An event of PostHog's export."""
    return {
        "uuid": uuid,
        "event": "checkout_clicked",
        "distinct_id": "ann@x.org",
        "timestamp": "2025-04-01T10:00:00.123000Z",
        "created_at": "2025-04-01T10:00:02.000000Z",
        "person_id": "0195a8c0-0000-7000-8000-00000000aaaa",
        "properties": {"plan": "annual", "$lib": "web", "$lib_version": "1.2"},
    } | fields


def test_an_import_lands_loads_and_is_in_the_ledger(desk: Desk) -> None:
    lines = [*(posthog(f"e{number}") for number in range(5)), {"event": "x", "properties": {}}]
    desk.write("a.jsonl.gz", lines)
    done = desk.run("posthog", desk.folder / "a.jsonl.gz", "--source", "web")
    assert done.code == 0
    assert "6 records: 5 events landed, 1 record refused" in done.out
    report = desk.site.load()
    assert (report.events, report.refused, report.bad_lines) == (5, 1, 0)
    assert desk.site.query(
        "select source_id, received_date::varchar, sum(line_count) from raw.manifests group by all"
        " order by all"
    ) == [("web", "2025-04-01", 5), ("web", "2026-03-01", 1)]


def test_twice_lands_nothing_new_under_whatever_name(desk: Desk) -> None:
    first = desk.write("a.jsonl.gz", [posthog("e1"), posthog("e2")])
    desk.run("posthog", first)
    files = desk.files()
    again = desk.run("posthog", shutil.copy(first, desk.folder / "b.jsonl.gz"))
    assert "0 events landed, 0 records refused, 2 imported before" in again.out
    assert desk.files() == files
    both = desk.run("posthog", "--dry-run", desk.folder / "*.jsonl.gz")
    assert "the same content as" in both.err
    assert "2 records: 2 events would land" in both.out


def test_an_overlapping_export_adds_its_new_events_only(desk: Desk) -> None:
    desk.run("posthog", desk.write("a.jsonl", [posthog("e1"), posthog("e2")]))
    desk.run("posthog", desk.write("b.jsonl", [posthog("e2"), posthog("e3")]))
    assert {each["event_id"] for each in desk.events()} == {"e1", "e2", "e3"}


KILLED = """
import sys
from ingestion.importer import parts
parts.PART_RECORDS = 50
from ingestion.importer.__main__ import main
main(sys.argv[1:])
"""


def test_a_killed_import_run_again_lands_the_same_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_RECORDS", 50)
    # Every tenth record is refused, and so are all records of the last part.
    export = desk.write(
        "a.jsonl",
        [posthog(f"e{n}", distinct_id="ann" if n % 10 and n < 1950 else "") for n in range(2000)],
    )
    desk.run("posthog", export)
    undisturbed = desk.files()
    assert len(undisturbed) == 2 * (2 * 40 - 1)
    moments = random.Random(27)
    shutil.rmtree(desk.site.settings.home)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, "posthog", str(export)],
            cwd=CHECKOUT,
            env={"FOOTFALL_HOME": str(desk.site.settings.home), "FOOTFALL_THREADS": "1"},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert process.stderr is not None
        # It says something after each part: so it is killed at work, and not while it starts.
        for _ in range(moments.randint(1, 9)):
            process.stderr.readline()
        time.sleep(moments.random() / 100)
        process.kill()
        process.communicate()
    done = desk.run("posthog", export)
    assert done.code == 0
    assert desk.files() == undisturbed


def test_parts_are_the_same_with_more_processes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_RECORDS", 3)
    export = desk.write("a.jsonl", [posthog(f"e{number}") for number in range(10)])
    desk.run("posthog", export)
    alone = desk.files()
    shutil.rmtree(desk.site.settings.home)
    desk.site = Site(desk.folder / "home", threads=2)
    desk.run("posthog", export)
    assert desk.files() == alone


def test_a_file_of_another_format_says_what_it_looks_like(desk: Desk) -> None:
    persons = {"person_id": "p", "distinct_id": "a", "properties": {}}
    desk.write("a.jsonl", [persons])
    desk.write("b.jsonl", b"PNG\x00 and no lines of JSON\n")
    good = desk.write("c.jsonl", [posthog("e1")])
    done = desk.run("posthog", desk.folder / "a.jsonl", desk.folder / "b.jsonl", good)
    assert done.code == 1
    assert "it looks like PostHog, persons (posthog-persons)" in done.err
    assert "it looks like none of the formats; its lines are no JSON objects" in done.err
    assert [each["event_id"] for each in desk.events()] == ["e1"]


def test_every_line_that_cannot_be_read_has_its_reason(desk: Desk) -> None:
    lines = [
        posthog("e1"),
        posthog("e2", distinct_id=""),
        posthog("e3", timestamp="soon"),
        posthog("e4", properties=7),
        posthog("e5", timestamp=None, created_at=None),
    ]
    desk.write("a.jsonl", lines)
    content = (desk.folder / "a.jsonl").read_bytes()
    content += b'{"torn": \n[1]\n{"event":"\\u0000"}\n{"event":"' + b"x" * (1 << 20) + b'"}\n'
    desk.write("a.jsonl", content)
    desk.run("posthog", desk.folder / "a.jsonl")
    assert [each["event_id"] for each in desk.events()] == ["e1"]
    assert [(each["reason"], each["detail"].split(" of ")[0]) for each in desk.refused()] == [
        ("missing_id", "line 2"),
        ("invalid_timestamp", "line 3"),
        ("invalid_field", "line 4"),
        ("invalid_timestamp", "line 5"),
        ("invalid_json", "line 6"),
        ("not_an_object", "line 7"),
        ("null_character", "line 8"),
        ("unreadable_record", "line 9"),
    ]
    assert desk.refused()[0]["received_at"] == "2026-03-01T10:00:00.000000Z"


def test_of_a_truncated_file_everything_readable_is_imported(desk: Desk) -> None:
    rows = [posthog(f"{random.Random(n).getrandbits(128):032x}") for n in range(400)]
    packed = desk.write("a.jsonl.gz", rows).read_bytes()
    desk.write("a.jsonl.gz", packed[: len(packed) // 2])
    done = desk.run("posthog", desk.folder / "a.jsonl.gz")
    assert done.code == 1
    assert 100 < len(desk.events()) < 400
    said = f"a.jsonl.gz ends early: {len(desk.events())} records could be read; the file cannot be"
    assert said in done.err
    (refused,) = desk.refused()
    assert "cannot be read from here on (it ends early)" in refused["detail"]
    again = desk.run("posthog", desk.folder / "a.jsonl.gz")
    assert (again.code, said in again.err) == (1, True)


def test_a_short_truncated_file_is_said_to_be_cut(desk: Desk) -> None:
    packed = desk.write("a.jsonl.gz", [posthog("e1")]).read_bytes()
    done = desk.run("posthog", desk.write("a.jsonl.gz", packed[: len(packed) // 2]))
    assert done.code == 1
    assert "a.jsonl.gz ends early: 0 records could be read" in done.err
    assert "none of the formats" not in done.err
    assert desk.files() == {}


def zipped(**files: bytes) -> bytes:
    """A zip of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def test_zip_zstd_brotli_and_gzip_inside_a_zip_are_read(desk: Desk) -> None:
    def line(uuid: str) -> bytes:
        return desk.write("x.jsonl", [posthog(uuid)]).read_bytes()

    desk.write("a.zip", zipped(a_jsonl_gz=gzip.compress(line("e1")), b_jsonl=line("e2")))
    for codec, name in (("zstd", "b.jsonl.zst"), ("brotli", "c.jsonl.br")):
        with pa.CompressedOutputStream(str(desk.folder / name), codec) as out:
            out.write(line(name))
    (desk.folder / "x.jsonl").unlink()
    desk.run("posthog", *sorted(desk.folder.glob("*.*")))
    assert {each["event_id"] for each in desk.events()} == {
        *("e1", "e2", "b.jsonl.zst", "c.jsonl.br")
    }


def test_a_truncated_zip_is_refused_whole_and_a_damaged_file_in_one_from_there_on(
    desk: Desk,
) -> None:
    rows = desk.write("x.jsonl", [posthog("e1")]).read_bytes()
    whole = zipped(a_jsonl=rows, b_jsonl=rows.replace(b"e1", b"e2"))
    cut = desk.write("cut.zip", whole[:-40])
    done = desk.run("posthog", cut)
    assert done.code == 1
    assert "is a zip that ends early" in done.err
    damaged = bytearray(whole)
    damaged[60] ^= 0xFF
    desk.run("posthog", desk.write("damaged.zip", bytes(damaged)))
    assert [each["event_id"] for each in desk.events()] == ["e2"]
    assert "cannot be read from here on" in desk.refused()[0]["detail"]


def test_a_bomb_is_inflated_to_a_bound_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ANY_FILE_BYTES", 1 << 21)
    row = desk.write("x.jsonl", [posthog("e1")]).read_bytes()
    bomb = zipped(a_jsonl=row, b_jsonl=b" " * (1 << 23), c_jsonl=row)
    desk.run("posthog", desk.write("bomb.zip", bomb))
    assert [each["event_id"] for each in desk.events()] == ["e1"]
    assert all("it inflates past 2097152 bytes" in each["detail"] for each in desk.refused())


def test_an_empty_file_and_a_missing_one_are_told(desk: Desk) -> None:
    done = desk.run("posthog", desk.write("a.jsonl", b""))
    assert (done.code, "it is empty" in done.err) == (0, True)
    done = desk.run("posthog", desk.folder / "persons-*.jsonl")
    assert (done.code, "no file matches" in done.err) == (1, True)
    done = desk.run("posthog", f"{desk.folder}/")
    assert (done.code, f"is a folder: write {desk.folder}/*.jsonl" in done.err) == (1, True)


def test_a_pattern_without_files_is_told_last_and_costs_no_other_its_import(desk: Desk) -> None:
    first, last = (desk.write(f"{name}.jsonl", [posthog(name)]) for name in "ab")
    done = desk.run("posthog", first, desk.folder / "c*", last)
    assert done.code == 1
    assert {each["event_id"] for each in desk.events()} == {"a", "b"}
    assert "2 records: 2 events landed" in done.out
    assert done.err.splitlines()[-1].startswith(f"no file matches {desk.folder}/c*")


def test_a_dry_run_counts_and_writes_nothing(desk: Desk) -> None:
    rows = [posthog("e1"), posthog("e2", distinct_id="d", properties={"$device_id": "d"})]
    done = desk.run("posthog", "--dry-run", desk.write("a.jsonl", [*rows, posthog("")]))
    assert not desk.site.settings.home.exists()
    assert "from 2025-04-01T10:00:00.123000Z to 2025-04-01T10:00:00.123000Z" in done.out
    for text in ("3  2025-04-01", "3  checkout_clicked", "2  user", "1  device"):
        assert text in done.out
    assert "created_at, else _inserted_at → received_at" in done.out
    refused = [posthog("e3", timestamp="soon"), posthog("e4", distinct_id="")]
    done = desk.run("posthog", "--dry-run", desk.write("b.jsonl", [*refused, *refused]))
    assert done.out.count("b.jsonl: ") == 2
    assert f"missing_id: line 2 of {desk.folder}/b.jsonl: " in done.out
    done = desk.run("posthog", "--dry-run", desk.write("c.jsonl", [{"a": 1}]))
    assert (done.code, "received_at" in done.out) == (1, False)


def test_two_imports_at_once_are_one_too_many(desk: Desk) -> None:
    with parts.only_import(desk.site.settings):
        done = desk.run("posthog", desk.write("a.jsonl", [posthog("e1")]))
    assert (done.code, "another import is running" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--time-zone", "Mars/Olympus", "Mars/Olympus is no time zone"),
        ("--time-zone", "Europe/Berlin", "--time-zone is not for PostHog, events"),
        ("--source", "we b/../x", "'we b/../x' is no source: it must be 1 to 64 letters, digits"),
        ("--source", "", "'' is no source: it must be 1 to 64 letters, digits"),
    ],
)
def test_a_wrong_option_is_told(
    desk: Desk, capfd: pytest.CaptureFixture[str], option: str, value: str, said: str
) -> None:
    with pytest.raises(SystemExit):
        desk.run("posthog", desk.write("a.jsonl", [posthog("e1")]), option, value)
    assert said in capfd.readouterr().err


def test_a_file_of_refused_records_only_was_imported_before_too(desk: Desk) -> None:
    export = desk.write("a.jsonl", [posthog("e1", distinct_id=""), posthog("e2", timestamp="soon")])
    done = desk.run("posthog", export, "--source", "web")
    assert "2 records: 0 events landed, 2 records refused" in done.out
    assert "python -m ingestion.quarantine show --source web tells why" in done.out
    again = desk.run("posthog", export, "--source", "web")
    assert "0 events landed, 0 records refused, 2 imported before" in again.out


def test_parquet_is_read_like_lines(desk: Desk) -> None:
    path: Path = desk.folder / "it's [1] {a}.parquet"
    occurred, received = "2025-04-01 12:00:00+02", "2025-04-01 12:00:05.5+02"
    duckdb.execute(
        "copy (select 'e1' as uuid, 'checkout_clicked' as event, 'ann' as distinct_id,"
        ' \'{"plan": "annual"}\' as properties,'
        f" timestamptz '{occurred}' as timestamp, timestamptz '{received}' as created_at)"
        f" to '{desk.folder}/a.parquet'"
    )
    (desk.folder / "a.parquet").rename(path)
    desk.run("posthog", path)
    (event,) = desk.events()
    assert event["properties"] == {"plan": "annual"}
    assert event["original_timestamp"] == "2025-04-01T10:00:00.000000Z"
    assert event["received_at"] == "2025-04-01T10:00:05.500000Z"
    path.write_bytes(path.read_bytes()[:-20])
    done = desk.run("posthog", path)
    assert (done.code, "cannot be read" in done.err) == (1, True)


def test_a_refused_record_is_mended_in_its_file_and_not_replayed(desk: Desk) -> None:
    desk.run("posthog", desk.write("a.jsonl", [posthog("e1"), posthog("e2", distinct_id="")]))
    report = replay(desk.site.settings, Selection(), dry_run=True)
    assert set(report.counts) == {("posthog", "missing_id", "imported")}
    desk.run("posthog", desk.write("a.jsonl", [posthog("e1"), posthog("e2")]))
    assert [each["event_id"] for each in desk.events()].count("e2") == 1


def test_an_erased_person_is_not_imported(desk: Desk) -> None:
    bury(desk.site.settings.home, users={"ann@x.org"})
    lines = [posthog("e1"), posthog("e2", distinct_id="ben"), posthog("e3", timestamp="soon")]
    desk.run("posthog", desk.write("a.jsonl", lines))
    assert [each["event_id"] for each in desk.events()] == ["e2"]
    assert desk.refused() == []
    assert (desk.site.load().events, desk.site.load().refused) == (1, 0)


def test_files_behind_a_url_are_imported_and_named_without_secrets(
    desk: Desk,
) -> None:
    storage = fsspec.filesystem("memory")
    for name in ("a.jsonl", "b.jsonl"):
        lines = [posthog(name), posthog("", distinct_id="")]
        storage.pipe(f"/exports/{name}", desk.write(name, lines).read_bytes())
    desk.run("posthog", "memory://exports/*.jsonl")
    # The day of a refused record is that of its file, however often the file is fetched.
    written = {storage.modified(f"/exports/{name}") for name in ("a.jsonl", "b.jsonl")}
    assert {datetime.fromisoformat(each["received_at"]) for each in desk.refused()} == written
    done = desk.run("posthog", "s4://user:s3cret@exports/*.jsonl")
    assert done.code == 1
    assert "cannot be read" in done.err
    assert "s3cret" not in done.err
