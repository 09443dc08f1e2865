"""Files in the landing are in raw after a load: rows, types, line numbers, every file once."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ingestion.loading import inserting
from ingestion.loading.source import RAW_TABLES
from ingestion.loading.statement import Lines, insert_lines
from orchestration.checks.arrival_checks import no_segment_waits_too_long
from tests.ingestion.loading.site import Site, event, ndjson, refused
from warehouse.connection import connect


def test_plain_and_compressed_files_are_loaded_whatever_their_name_says(site: Site) -> None:
    site.land("events/a.ndjson", [event("a1"), event("a2")])
    site.land("events/date=2026-03-01/hour=10/b.ndjson.gz", [event("b1")])
    packed = site.land("events/c.jsonl.gz", [event("c1")])
    packed.rename(packed.with_name("c.jsonl"))
    report = site.load()
    assert (report.files, report.events, report.bad_lines) == (3, 4, 0)
    assert site.query("select _file, _line, event_id from raw.events order by all") == [
        ("events/a.ndjson", 1, "a1"),
        ("events/a.ndjson", 2, "a2"),
        ("events/c.jsonl", 1, "c1"),
        ("events/date=2026-03-01/hour=10/b.ndjson.gz", 1, "b1"),
    ]


def test_raw_tables_have_the_declared_columns_and_types_even_when_nothing_was_landed(
    site: Site,
) -> None:
    report = site.load()
    assert (report.files, report.events, report.data_through) == (0, 0, None)
    types = {"varchar": "VARCHAR", "bigint": "BIGINT", "json": "JSON", "date": "DATE"}
    types["timestamptz"] = "TIMESTAMP WITH TIME ZONE"
    for table, columns in RAW_TABLES.items():
        found = site.query(
            "select column_name, data_type from duckdb_columns()"
            f" where schema_name = 'raw' and table_name = '{table}'"
        )
        assert dict(found) == {name: types[type_] for name, type_ in columns.items()}


def test_quarantine_goes_to_refused_and_manifests_to_manifests(site: Site) -> None:
    # A body of a whole request, where every byte takes six: far longer than any event.
    body = "\x01" * (500 * 1024)
    site.land("quarantine/date=2026-03-01/q.ndjson.gz", [refused("r1"), refused("r2", body=body)])
    site.land("events/a.ndjson.gz", [event("a1")])
    site.vouch(
        "events/a.ndjson.gz", 1, received={"web": {"2026-03-01": 1}, "app": {"2026-02-28": 2}}
    )
    report = site.load()
    assert (report.events, report.refused, report.bad_lines) == (1, 2, 0)
    assert site.query("select refused_id, length(body) from raw.refused order by 1") == [
        ("r1", 1),
        ("r2", len(body)),
    ]
    assert site.query(
        "select segment, source_id, received_date::varchar, line_count from raw.manifests"
        " order by all"
    ) == [
        ("events/a.ndjson.gz", "app", "2026-02-28", 2),
        ("events/a.ndjson.gz", "web", "2026-03-01", 1),
    ]


def test_the_ledger_tells_of_every_file_its_size_digest_and_counts(site: Site) -> None:
    path = site.land("events/a.ndjson", [event("a1"), event("", user_id="u2"), event("a3")])
    site.load()
    assert site.query(
        "select kind, size_bytes, length(sha256), line_count, loaded_count, bad_count,"
        " load_number from raw.files"
    ) == [("events", path.stat().st_size, 64, 3, 2, 1, 1)]


def test_many_small_files_are_loaded_in_several_groups_with_their_own_line_numbers(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserting, "FILES_PER_GROUP", 60)
    groups: list[int] = []

    def counted(cursor: Any, kind: str, files: list[Lines], **how: Any) -> dict[str, int]:
        groups.append(len(files))
        return insert_lines(cursor, kind, files, **how)

    monkeypatch.setattr(inserting, "insert_lines", counted)
    names = [f"events/{number:03}.ndjson" for number in range(300)]
    for number, name in enumerate(names):
        site.land(name, [event(f"{number}-{line}") for line in (1, 2)])
        site.vouch(name, 2)
    assert site.load().events == 600
    assert sorted(groups) == [60] * 5
    assert site.query(
        "select count(distinct event_id), count(*) filter (_line::varchar"
        " = split_part(event_id, '-', 2)), count(*) filter (split_part(event_id, '-', 1)::int"
        " = _file[8:10]::int) from raw.events"
    ) == [(600, 600, 600)]


def test_a_large_load_is_cut_by_size_and_shared_by_the_threads(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inserting, "SMALL_GROUP_BYTES", 1)
    for number in range(8):
        site.land(f"events/{number}.ndjson", [event(f"e{number}")])
    site.load()
    assert len(site.ids()) == 8


def test_a_file_may_have_any_name(site: Site) -> None:
    names = [
        f"events/{leaf}"
        for leaf in (
            "it's.ndjson",
            "späte Grüße 🎉.ndjson",
            "[a]*?.ndjson",
            'say "so".ndjson',
            "%41~b.jsonl",
            "a.ndjson",
        )
    ]
    for name in names:
        site.land(name, [event(name)])
        site.vouch(name, 1)
    assert site.load().events == len(names)
    assert site.query("select count(*) from raw.events where event_id = _file") == [(len(names),)]


def test_an_empty_file_is_loaded_and_not_looked_at_again(site: Site) -> None:
    site.land("events/empty.ndjson", b"")
    site.land("events/blank.ndjson.gz", b"\n \r\n")
    assert site.load().files == 2
    assert site.load().files == 0


def test_home_may_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    site = Site(tmp_path / "home")
    site.land("events/a.ndjson", [event("a1")])
    assert site.load().events == 1
    assert site.load().events == 0


def test_the_landing_may_be_a_file_url(tmp_path: Path) -> None:
    site = Site(tmp_path / "home", landing_url=f"file://{tmp_path / 'shared landing'}/")
    site.land("events/a.ndjson", [event("a1")])
    assert site.load().events == 1
    assert site.query("select file from raw.files") == [("events/a.ndjson",)]


def test_the_landing_may_be_remote(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}"
    local = Site(tmp_path / "elsewhere")
    for name in ("events/it's.ndjson.gz", "events/date=2026-03-01/b.ndjson"):
        path = local.land(name, [event(name)])
        memory.pipe(f"{root}/{name}", path.read_bytes())
    manifest = local.vouch("events/it's.ndjson.gz", 1)
    memory.pipe(f"{root}/manifest/{manifest.name}", manifest.read_bytes())
    site = Site(tmp_path / "home", landing_url=f"memory://{root}")
    assert site.load().files == 3
    assert site.load().files == 0
    assert len(site.ids()) == 2


def test_an_empty_remote_landing_is_an_empty_load(tmp_path: Path) -> None:
    site = Site(tmp_path / "home", landing_url=f"memory:///{tmp_path.name}-empty")
    assert site.load().files == 0


def test_loading_again_loads_nothing_again(site: Site) -> None:
    site.land("events/a.ndjson", [event("a1")])
    site.load()
    assert (site.load().files, site.ids()) == (0, ["a1"])


def test_a_file_published_late_under_an_earlier_time_and_name_is_loaded(site: Site) -> None:
    site.land("events/b.ndjson", [event("b1")])
    site.load()
    os.utime(site.land("events/a.ndjson", [event("a1")]), (1, 1))
    assert site.load().events == 1


def test_a_loaded_file_with_another_time_is_not_loaded_again(site: Site) -> None:
    path = site.land("events/a.ndjson", [event("a1")])
    site.load()
    os.utime(path, (2**31, 2**31))
    assert site.load().files == 0


def test_content_published_under_two_names_is_in_raw_twice(site: Site) -> None:
    # The models keep one of them, by event_id; raw keeps what was delivered.
    site.land("events/a.ndjson", [event("a1")])
    site.land("events/b.ndjson", [event("a1")])
    site.load()
    assert site.ids() == ["a1", "a1"]


def test_a_loaded_file_that_grew_is_reported_and_never_loaded_again(site: Site) -> None:
    path = site.land("events/a.ndjson", [event("a1")])
    site.load()
    with path.open("ab") as out:
        out.write(b'{"torn')
    report = site.load()
    assert (report.files, report.changed_files) == (0, ["events/a.ndjson"])
    assert site.ids() == ["a1"]


def test_names_that_start_with_a_dot_are_still_being_written(site: Site) -> None:
    site.land("events/.tmp/a.ndjson", [event("a1")])
    site.land("events/a.ndjson", [event("a2")]).rename(site.landing / "events" / ".a.ndjson")
    assert site.load().files == 0
    (site.landing / "events" / ".a.ndjson").rename(site.landing / "events" / "a.ndjson")
    assert site.load().files == 1


def test_a_name_of_another_format_is_passed_over_and_said(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.land("events/a.csv", b"a,b\n")
    assert site.load().files == 0
    assert "events/a.csv is passed over" in caplog.text


def test_a_file_renamed_in_during_a_load_waits_for_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.land("events/a.ndjson", [event("a1")])

    def write_late(*arguments: Any, **how: Any) -> dict[str, int]:
        site.land("events/0.ndjson", [event("a0")])
        return insert_lines(*arguments, **how)

    monkeypatch.setattr(inserting, "insert_lines", write_late)
    assert site.load().events == 1
    monkeypatch.undo()
    assert site.load().events == 1
    assert site.ids() == ["a0", "a1"]


def test_raw_gets_a_column_that_was_added_to_the_envelope(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = RAW_TABLES["files"]
    monkeypatch.setitem(RAW_TABLES, "files", {k: v for k, v in files.items() if k != "bad_count"})
    monkeypatch.setattr(
        "ingestion.loading.pipeline.COUNTS", "select 0, 0, 0, 0, null where $1 is not null"
    )
    site.land("events/a.ndjson", [event("a1")])
    site.load()
    monkeypatch.undo()
    site.land("events/b.ndjson", [event(""), event("b2")])
    assert site.load().bad_lines == 1
    assert site.query("select file, bad_count from raw.files order by 1") == [
        ("events/a.ndjson", None),
        ("events/b.ndjson", 1),
    ]


def test_tables_of_lines_get_a_column_that_was_added_to_the_envelope(site: Site) -> None:
    site.land("events/a.ndjson", [event("a1")])
    site.load()
    with connect(site.settings) as connection:
        connection.execute("alter table raw.events drop column group_id")
    site.land("events/b.ndjson", [event("b1", group_id="g")])
    site.load()
    assert site.query("select event_id, group_id from raw.events order by 1") == [
        ("a1", None),
        ("b1", "g"),
    ]


def test_remote_names_that_differ_in_a_slash_or_are_long_are_files_of_their_own(
    tmp_path: Path,
) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}-names"
    names = [f"events/{leaf}.ndjson" for leaf in ("a/b", "a~b", "x" * 300, "%2F", "a b", "ä?*[1]")]
    for name in names:
        memory.pipe(f"{root}/{name}", ndjson([event(name)]))
    site = Site(tmp_path / "home", landing_url=f"memory://{root}")
    assert site.load().events == len(names)
    assert site.query("select count(*) from raw.events where event_id = _file") == [(len(names),)]


def test_a_remote_file_that_arrives_short_waits_for_the_next_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}-short"
    for name in ("a", "b"):
        memory.pipe(f"{root}/events/{name}.ndjson", ndjson([event(f"{name}1"), event(f"{name}2")]))
    site = Site(tmp_path / "home", landing_url=f"memory://{root}")
    whole = type(memory).open

    def short(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        if path.endswith("a.ndjson"):
            # One line of two: nothing in what arrived tells that the rest is missing.
            return io.BytesIO(ndjson([event("a1")]))
        if path.endswith("b.ndjson"):
            raise RuntimeError("a driver's own kind of error")
        return whole(self, path, mode, **options)

    monkeypatch.setattr(type(memory), "open", short)
    assert site.load().files == 0
    monkeypatch.undo()
    assert site.load().files == 2
    assert site.ids() == ["a1", "a2", "b1", "b2"]


def test_a_file_whose_name_is_no_text_costs_itself(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.land("events/a.ndjson", [event("a1")])
    folder = os.fsencode(site.landing) + b"/events/"
    for name in (b"caf\xe9.ndjson", b"d\xff/b.ndjson"):
        path = folder + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(ndjson([event("b1")]))
    assert site.load().files == 1
    assert "'events/caf\\udce9.ndjson' is passed over: its name is not UTF-8" in caplog.text
    with connect(site.settings, read_only=True) as connection:
        found = no_segment_waits_too_long(connection, site.settings, datetime.now(UTC))
    assert (found.passed, found.metadata["unnamable"]) == (
        False,
        "'events/caf\\udce9.ndjson', 'events/d\\udcff/b.ndjson'",
    )


def test_the_log_of_a_load_repeats_nothing_of_a_line(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "someone@example.org"
    lines = [event("a1"), event("a2", received_at=secret, properties={"mail": secret})]
    site.land("events/a.ndjson", lines)
    site.vouch("events/a.ndjson", 2)
    site.land("events/b.ndjson", ndjson([event("b1")]) + b'{"event_id": "' + secret.encode())
    site.vouch("events/b.ndjson", 2)
    assert site.load().bad_lines == 2
    assert "judged line by line" in caplog.text
    assert secret not in caplog.text
