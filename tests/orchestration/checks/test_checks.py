"""What turns a check red, and what must not turn it green."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster import DagsterEventType

from ingestion.erasure.receipts import Account
from ingestion.facts.disk import Disk
from ingestion.facts.identifiers import UlidSequence
from ingestion.facts.segments import EVENTS, OpenSegment
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from orchestration.checks.arrival_checks import (
    every_line_is_readable,
    every_segment_is_sealed,
    geo_database_is_usable,
    no_segment_waits_too_long,
    raw_events_are_fresh,
)
from orchestration.checks.asset_checks import CHECKS
from orchestration.checks.check_result import Finding
from orchestration.checks.published_checks import every_erasure_is_finished, published_is_current
from orchestration.checks.volume_checks import (
    as_many_events_as_usual,
    has_grown,
    last_whole_day,
    quarantine_does_not_grow,
)
from tests import golden
from tests.ingestion.collector.geo_database import write_geo_database
from tests.orchestration.checks.raw_rows import RawRows, delivery, refusal
from tests.prepared import furnish
from tests.warm import run_module
from transformation.dbt_command import dbt_environment
from warehouse.connection import writer_lock

CHECKOUT = Path(__file__).parents[3]
#: A Wednesday.
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)

Claim = Callable[[duckdb.DuckDBPyConnection, Settings, datetime], Finding]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def raw() -> RawRows:
    return RawRows()


# raw_events_are_fresh


def test_a_source_is_fresh_while_its_events_occur(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - HOUR, events=[delivery(NOW - 2 * HOUR), delivery(NOW - 40 * DAY)])

    found = raw_events_are_fresh(raw.connection, settings, NOW)

    assert found.passed
    assert found.seen == "all 1 sources are recent"


def test_each_source_is_judged_by_itself(raw: RawRows, settings: Settings) -> None:
    late = NOW - 27 * HOUR
    raw.load(NOW - HOUR, events=[delivery(NOW - HOUR), delivery(late, source="app")])

    found = raw_events_are_fresh(raw.connection, settings, NOW)

    assert not found.passed
    assert found.seen == "app: nothing since 2026-06-09 09:00:00"


def test_a_load_of_nothing_makes_no_source_fresh(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - 30 * HOUR, events=[delivery(NOW - 31 * HOUR)])
    raw.load(NOW - HOUR)

    assert not raw_events_are_fresh(raw.connection, settings, NOW).passed


def test_a_backfill_that_arrives_now_makes_no_source_fresh(
    raw: RawRows, settings: Settings
) -> None:
    old = NOW - 30 * DAY
    raw.load(NOW - HOUR, events=[delivery(NOW - HOUR, original=old)])

    found = raw_events_are_fresh(raw.connection, settings, NOW)

    assert not found.passed
    assert found.metadata["web"] == (
        "newest event occurred 2026-05-11 12:00:00, newest received 2026-06-10 11:00:00"
    )


def test_a_clock_that_runs_ahead_does_not_keep_a_source_fresh(
    raw: RawRows, settings: Settings
) -> None:
    raw.load(NOW - HOUR, events=[delivery(NOW - 3 * DAY), delivery(NOW + 300 * DAY)])

    assert not raw_events_are_fresh(raw.connection, settings, NOW).passed


def test_a_client_whose_clock_is_behind_is_not_late(raw: RawRows, settings: Settings) -> None:
    behind = NOW - 3 * DAY
    raw.load(NOW - HOUR, events=[delivery(NOW - HOUR, original=behind, sent=behind)])

    assert raw_events_are_fresh(raw.connection, settings, NOW).passed


@pytest.mark.parametrize(("path", "is_live"), [("/v1/batch", True), ("/v1/import", False)])
def test_a_live_clock_that_was_never_set_makes_nothing_late_and_an_import_of_then_does(
    raw: RawRows, settings: Settings, path: str, is_live: bool
) -> None:
    unset = datetime(1970, 1, 1, tzinfo=UTC)
    raw.load(NOW - HOUR, events=[delivery(NOW - HOUR, original=unset, path=path)])

    assert raw_events_are_fresh(raw.connection, settings, NOW).passed == is_live


def test_a_load_that_never_completed_makes_nothing_fresh(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - HOUR, events=[delivery(NOW - HOUR)], completes=False)

    assert raw_events_are_fresh(raw.connection, settings, NOW).seen == (
        "no source has ever sent anything"
    )


def test_first_events_that_are_not_sealed_yet_are_told_with_the_time_of_it(
    raw: RawRows, settings: Settings
) -> None:
    """Somebody's first click, and a run at once: "no source has ever sent anything"."""
    raw.load(NOW - HOUR)
    settings.open_segments.mkdir(parents=True)
    name = f"{UlidSequence(lambda: int(NOW.timestamp() * 1e9)).next()}-host-1-abcd"
    segment = OpenSegment.create(settings.open_segments, name, EVENTS)
    assert raw_events_are_fresh(raw.connection, settings, NOW).seen == (
        "no source has ever sent anything"
    )
    segment.append(b"{}\n", Disk())
    segment.close()

    assert raw_events_are_fresh(raw.connection, settings, NOW).seen == (
        "the first events wait in the collector's open segment, which is sealed by "
        "2026-06-10 12:01:00 UTC: run `nightly` after that"
    )


# no_segment_waits_too_long


def land(settings: Settings, name: str, age: timedelta) -> None:
    path = Path(settings.landing) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    os.utime(path, times=((NOW - age).timestamp(),) * 2)


def test_a_file_that_waits_is_flagged_until_it_is_loaded(raw: RawRows, settings: Settings) -> None:
    land(settings, "events/late.ndjson", 30 * HOUR)
    raw.load(NOW - HOUR, events=[delivery(NOW)], name="events/another.ndjson")

    found = no_segment_waits_too_long(raw.connection, settings, NOW)
    assert not found.passed
    assert found.metadata["oldest"] == "events/late.ndjson"

    raw.load(NOW, events=[delivery(NOW)], name="events/late.ndjson")
    assert no_segment_waits_too_long(raw.connection, settings, NOW).passed


def test_a_file_that_came_after_the_last_load_may_wait(raw: RawRows, settings: Settings) -> None:
    land(settings, "events/new.ndjson", 10 * HOUR)

    assert no_segment_waits_too_long(raw.connection, settings, NOW).passed


# every_segment_is_sealed


def test_a_collector_that_no_longer_seals_is_flagged(raw: RawRows, settings: Settings) -> None:
    folder = settings.open_segments
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("not a segment")
    # Its lock is held: the process lives, and seals nothing.
    segment = OpenSegment.create(folder, f"{UlidSequence().next()}-host", EVENTS)
    opened = datetime.now(UTC)
    try:
        soon = every_segment_is_sealed(raw.connection, settings, opened + timedelta(minutes=10))
        later = every_segment_is_sealed(raw.connection, settings, opened + timedelta(minutes=12))
    finally:
        segment.close()

    assert soon.passed
    assert not later.passed
    assert later.metadata["oldest"] == segment.path.name


def test_a_collector_on_another_machine_has_no_open_segments_here(
    raw: RawRows, settings: Settings
) -> None:
    assert every_segment_is_sealed(raw.connection, settings, NOW).passed


# geo_database_is_usable


def test_a_geo_database_that_is_missing_damaged_or_old_is_named(
    raw: RawRows, tmp_path: Path
) -> None:
    path = tmp_path / "places.mmdb"
    settings = Settings(home=tmp_path, geo_database=path)

    missing = geo_database_is_usable(raw.connection, settings, NOW)
    path.write_text("not a database")
    damaged = geo_database_is_usable(raw.connection, settings, NOW)
    write_geo_database(path, {"192.0.2.0/24": {"country": {"iso_code": "AT"}}})
    built = datetime.now(UTC)
    fresh = geo_database_is_usable(raw.connection, settings, built)
    old = geo_database_is_usable(raw.connection, settings, built + 63 * DAY)

    assert [each.passed for each in (missing, damaged, fresh, old)] == [False, False, True, False]
    assert "No such file" in missing.seen
    assert "is damaged; download it again" in damaged.seen
    assert f"{built:%Y-%m-%d}" in old.seen


# every_line_is_readable


def test_bad_lines_are_flagged_though_a_better_load_follows(
    raw: RawRows, settings: Settings
) -> None:
    raw.load(NOW - 10 * HOUR, bad_lines=3, name="events/torn.ndjson")
    raw.load(NOW - HOUR, events=[delivery(NOW)])

    found = every_line_is_readable(raw.connection, settings, NOW)

    assert not found.passed
    assert found.metadata == {"events/torn.ndjson": 3}


def test_loads_of_nothing_do_not_make_the_last_lines_readable(
    raw: RawRows, settings: Settings
) -> None:
    raw.load(NOW - 10 * DAY, bad_lines=1)
    raw.load(NOW - HOUR)

    assert not every_line_is_readable(raw.connection, settings, NOW).passed


def test_bad_lines_of_long_ago_are_no_news(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - 10 * DAY, bad_lines=1)
    raw.load(NOW - HOUR, events=[delivery(NOW)])

    assert every_line_is_readable(raw.connection, settings, NOW).passed


# as_many_events_as_usual


def weeks_of(raw: RawRows, per_day: int, *, until: datetime = NOW) -> None:
    """Six weeks of that many events at noon on the weekday of ``until``'s yesterday."""
    noon = until.replace(hour=12) - DAY
    raw.load(
        until - WEEK,
        events=[delivery(noon - 6 * WEEK - DAY)]
        + [
            delivery(noon - WEEK * week, event_id=f"{week} {number}")
            for week in range(1, 7)
            for number in range(per_day)
        ],
    )


def test_a_day_like_its_weeks_before_passes_with_its_reasoning(
    raw: RawRows, settings: Settings
) -> None:
    weeks_of(raw, 20)
    yesterday = NOW - DAY
    raw.load(NOW, events=[delivery(yesterday, event_id=f"{number}") for number in range(18)])

    found = as_many_events_as_usual(raw.connection, settings, NOW)

    assert found.passed
    assert found.metadata["weekday"] == "Tuesday"
    reasoning = found.metadata["sources"]
    assert isinstance(reasoning, dg.MarkdownMetadataValue)
    assert "| web | 18 | 20.0 | 3 | 40 | median of 6 weeks | 2026-06-02: 20," in str(
        reasoning.value
    )


def test_a_stuck_collector_makes_a_silent_day_though_loads_succeed(
    raw: RawRows, settings: Settings
) -> None:
    weeks_of(raw, 20)
    raw.load(NOW)

    found = as_many_events_as_usual(raw.connection, settings, NOW)

    assert not found.passed
    assert found.seen == "2026-06-09: web: 0 events, expected 3 to 40"


def test_neither_a_backfill_nor_a_resend_fills_a_silent_day(
    raw: RawRows, settings: Settings
) -> None:
    weeks_of(raw, 20)
    raw.load(
        NOW,
        events=[
            delivery(NOW - DAY, event_id=f"{number}", original=NOW - 90 * DAY)
            for number in range(20)
        ]
        + [delivery(NOW - DAY, event_id="one event, sent again and again")] * 20,
    )

    found = as_many_events_as_usual(raw.connection, settings, NOW)

    assert found.seen == "2026-06-09: web: 1 events, expected 3 to 40"


def test_only_a_day_that_was_sealed_before_the_load_began_is_whole(
    raw: RawRows, settings: Settings
) -> None:
    midnight = NOW.replace(hour=0)
    assert last_whole_day(raw.connection, settings) is None

    # A minute to seal, ten of grace.
    raw.load(midnight + timedelta(minutes=10, seconds=59))
    assert last_whole_day(raw.connection, settings) == date(2026, 6, 8)

    raw.load(midnight + timedelta(minutes=11))
    assert last_whole_day(raw.connection, settings) == date(2026, 6, 9)


# quarantine_does_not_grow


@pytest.mark.parametrize(
    ("refused", "received", "usual", "grown"),
    [
        (9, 9, 0.0, False),  # somebody tries something out
        (10, 1001, 0.0, False),  # one in a hundred is the least
        (10, 1000, 0.0, True),
        (100, 1000, 0.05, False),  # twice the usual
        (101, 1000, 0.05, True),
        (500, 1000, 0.6, False),  # a source that always has many
    ],
)
def test_refusals_grow_by_share_and_number(
    refused: int, received: int, usual: float, grown: bool
) -> None:
    assert has_grown(refused, received, usual) == grown


def test_a_source_of_which_more_is_refused_is_flagged(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - 3 * DAY, events=[delivery(NOW - 3 * DAY)] * 80, refused=[refusal(NOW)] * 2)
    raw.load(
        NOW - HOUR,
        events=[delivery(NOW - HOUR)] * 80,
        refused=[refusal(NOW)] * 20 + [refusal(NOW, source="app")],
    )

    found = quarantine_does_not_grow(raw.connection, settings, NOW)

    assert not found.passed
    assert found.seen == "web: 20 of 100 refused, usually 2.4%"


def test_loads_of_nothing_do_not_hide_the_last_refusals(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - 5 * DAY, refused=[refusal(NOW)] * 10)
    raw.load(NOW - HOUR)

    assert not quarantine_does_not_grow(raw.connection, settings, NOW).passed


def test_a_backfill_does_not_hide_refusals(raw: RawRows, settings: Settings) -> None:
    raw.load(NOW - 2 * HOUR, refused=[refusal(NOW)] * 10)
    old = [delivery(NOW - HOUR, original=NOW - 90 * DAY)] * 2000
    raw.load(NOW - HOUR, events=old)

    assert not quarantine_does_not_grow(raw.connection, settings, NOW).passed


# every_erasure_is_finished


def test_an_erasure_that_was_cut_short_is_told_by_its_hash_until_it_is_finished(
    raw: RawRows, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    assert every_erasure_is_finished(raw.connection, settings, NOW).passed

    account = Account(tmp_path / "erasures", "user 5f2c")
    account.note({"raw.events": 3})
    found = every_erasure_is_finished(raw.connection, settings, NOW)
    assert not found.passed
    assert list(found.metadata) == ["user 5f2c"]

    account.finish({})
    assert every_erasure_is_finished(raw.connection, settings, NOW).passed


# published_is_current


def publish(settings: Settings, *, at: datetime, through: datetime, occurred: datetime) -> None:
    settings.published.parent.mkdir(parents=True, exist_ok=True)
    settings.published.unlink(missing_ok=True)
    with duckdb.connect(str(settings.published)) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema meta; create schema marts")
        connection.execute(
            "create table meta.published as"
            " select cast($at as timestamp) as published_at,"
            " cast($through as timestamp) as data_through",
            {"at": at.replace(tzinfo=None), "through": through.replace(tzinfo=None)},
        )
        connection.execute(
            "create table marts.fct_events as select cast($occurred as timestamp) as occurred_at,"
            " cast($through as timestamp) as received_at",
            {"occurred": occurred.replace(tzinfo=None), "through": through.replace(tzinfo=None)},
        )


@pytest.mark.parametrize(
    ("at", "through", "occurred", "complaint"),
    [
        (NOW, NOW - HOUR, NOW - HOUR, ""),
        (NOW - 27 * HOUR, NOW - HOUR, NOW - HOUR, "it was last published 2026-06-09 09:00:00"),
        (NOW, NOW - HOUR, NOW - 30 * DAY, "its newest event occurred 2026-05-11 12:00:00"),
        (NOW, NOW - 2 * HOUR, NOW - 2 * HOUR, "the warehouse up to 2026-06-10 11:00:00"),
    ],
)
def test_what_people_read_is_recent_and_all_there_is(
    raw: RawRows,
    settings: Settings,
    at: datetime,
    through: datetime,
    occurred: datetime,
    complaint: str,
) -> None:
    raw.load(NOW, events=[delivery(NOW - HOUR)])
    publish(settings, at=at, through=through, occurred=occurred)

    found = published_is_current(raw.connection, settings, NOW)

    assert found.passed == (not complaint)
    assert complaint in found.seen


def test_an_arrival_ahead_of_its_load_is_not_missed_in_what_is_published(
    raw: RawRows, settings: Settings
) -> None:
    raw.load(NOW - HOUR, events=[delivery(NOW + 300 * DAY)])
    publish(settings, at=NOW, through=NOW - HOUR, occurred=NOW - HOUR)

    assert published_is_current(raw.connection, settings, NOW).passed


@pytest.mark.parametrize("kind", ["half", "empty", "garbage"])
def test_a_published_file_that_cannot_be_read_is_named(
    raw: RawRows, settings: Settings, kind: str
) -> None:
    publish(settings, at=NOW, through=NOW, occurred=NOW)
    whole = settings.published.read_bytes()
    damaged = {"half": whole[: len(whole) // 2], "empty": b"", "garbage": b"\0{" * 9000}
    settings.published.write_bytes(damaged[kind])

    found = published_is_current(raw.connection, settings, NOW)

    assert not found.passed
    assert f"{settings.published} cannot be read: run the job nightly" in found.seen


def test_nothing_published_is_flagged(raw: RawRows, settings: Settings) -> None:
    assert not published_is_current(raw.connection, settings, NOW).passed


# as Dagster runs them

SPECS = [spec for checks in CHECKS for spec in checks.check_specs]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.name))
def test_a_check_says_three_lines_and_has_a_row_in_the_runbook(spec: dg.AssetCheckSpec) -> None:
    assert [line.partition(":")[0] for line in (spec.description or "").splitlines()] == [
        "Flags",
        "Matters",
        "Do",
    ]
    assert f"| `{spec.name}` |" in (CHECKOUT / "docs" / "operations.md").read_text()


def run_watch(settings: Settings) -> dict[str, tuple[bool, str | None]]:
    """The job `watch` as its schedule runs it: which checks were evaluated, and their outcome."""
    done = run_module(
        *("dagster", "job", "execute", "-m", "orchestration.definitions", "-j", "watch"),
        environment=os.environ
        | dbt_environment(settings)
        | {"DAGSTER_HOME": str(settings.dagster_home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        entries = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
            dagster_event_type=DagsterEventType.ASSET_CHECK_EVALUATION
        )
        found = [e.dagster_event.asset_check_evaluation_data for e in entries.values()
                 if e.dagster_event]  # fmt: skip
        return {each.check_name: (each.passed, each.description) for each in found}


def test_the_watch_job_tries_every_claim_on_what_the_loader_left_and_skips_while_it_writes(
    settings: Settings,
) -> None:
    golden.land(Path(settings.landing))
    furnish(settings)
    with writer_lock(settings):
        load(settings)
        # A load of nothing, as the next night's.
        load(settings)
        assert run_watch(settings) == {}

    found = run_watch(settings)

    assert set(found) == {spec.name for spec in SPECS}
    assert not found["raw_events_are_fresh"][0]
    assert "nothing since 2026-03-31 09:00:00" in str(found["raw_events_are_fresh"][1])
    assert found["published_is_current"] == (False, "nothing has been published yet")
    assert found["no_segment_waits_too_long"] == (True, "everything that landed is loaded")


def test_before_the_first_load_no_check_is_green_for_want_of_a_warehouse(
    settings: Settings,
) -> None:
    furnish(settings)

    found = run_watch(settings)

    green = {name for name, (passed, _) in found.items() if passed}
    assert green == {
        "every_segment_is_sealed",
        "no_segment_waits_too_long",
        "every_erasure_is_finished",
        "geo_database_is_usable",
    }
