"""A published figure that changes says from what to what, and why."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.landing.tombstones import Entry, Tombstones
from ingestion.settings import Settings
from publishing.publish import PublishReport, publish
from publishing.withdraw import withdraw
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.oracle import File, Line
from warehouse.connection import connect

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def line(event_id: str, occurred_at: str, device: str | None = "phone", **changed: Any) -> Line:
    return {
        "event_id": event_id,
        "source_id": "web",
        "type": "track",
        "event_name": "sign_up",
        "user_id": None,
        "anonymous_id": device,
        "group_id": None,
        "previous_id": None,
        "original_timestamp": f"2026-03-{occurred_at}:00Z",
        "sent_at": None,
        "received_at": "2026-03-04T00:00:00Z",
        "properties": {},
        "traits": {},
        "context": {},
        "request": {},
    } | changed


HISTORY = [
    line("m1", "02T10:00", "phone"),
    line("m2", "02T11:00", "tablet", user_id="ana"),
    line("t1", "03T10:00", "tablet", user_id="ana"),
]


class Site:
    """A warehouse in memory whose tables are put on the disk to be published."""

    def __init__(self, compiled: CompiledModels, home: Path) -> None:
        self.memory = MemoryWarehouse(compiled)
        self.settings = Settings(home=home)
        self._files = 0

    def night(
        self, *lines: Line, full_refresh: bool = False, whole: bool = False, run_id: str = "night"
    ) -> PublishReport:
        """Load, build and publish."""
        if lines:
            self._files += 1
            self.memory.load([File(f"{self._files}.ndjson", list(lines))])
        self.memory.build(full_refresh=full_refresh)
        return self.publish(whole=whole, run_id=run_id)

    def publish(self, *, whole: bool = False, run_id: str = "night") -> PublishReport:
        self.settings.warehouse.unlink(missing_ok=True)
        self.settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
        self.memory.connection.execute(
            f"attach '{self.settings.warehouse}' as disk; copy from database footfall to disk;"
            " detach disk"
        )
        return publish(self.settings, whole=whole, run_id=run_id)

    def copied(self, home: Path) -> Site:
        """The same site somewhere else."""
        shutil.copytree(self.settings.home, home, dirs_exist_ok=True)
        other = Site.__new__(Site)
        other.__dict__ |= self.__dict__
        other.settings = Settings(home=home)
        other.memory = self.memory.like(self.settings.warehouse)
        return other

    def restated(self, *figures: str) -> dict[tuple[str, date], tuple[Any, Any, str]]:
        """Figure and day → from what, to what, why."""
        return {
            (row[0], row[1]): row[2:]
            for row in self.read(
                "select figure, figure_date, from_value, to_value, reasons"
                f" from marts.restatements where figure in {(*figures, '')}"
            )
        }

    def read(self, query: str) -> list[Any]:
        with duckdb.connect(str(self.settings.published), read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def compiled(compiled: CompiledModels) -> CompiledModels:
    """The models of the figures that are restated, and of the events that are the reason."""
    return compiled.only(
        *("fct_events", "fct_daily_actives", "fct_funnel_steps", "fct_orders"),
        *("fct_revenue_events", "fct_account_days", "dim_accounts"),
    )


@pytest.fixture(scope="module")
def settled(compiled: CompiledModels, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site that has published Monday and Tuesday, both complete."""
    settled = Site(compiled, tmp_path_factory.mktemp("settled"))
    assert settled.night(*HISTORY).restated == 0
    return settled


@pytest.fixture
def site(settled: Site, tmp_path: Path) -> Site:
    """That site once more, for one test."""
    return settled.copied(tmp_path)


def test_a_late_event_restates_its_day_and_the_weeks_it_lies_in(site: Site) -> None:
    report = site.night(line("late", "02T12:00", "watch"))

    assert site.restated("daily_actives", "weekly_actives", "new_persons", "events") == {
        ("daily_actives", MONDAY): (2, 3, "late_events"),
        ("weekly_actives", MONDAY): (2, 3, "late_events"),
        ("weekly_actives", TUESDAY): (2, 3, "late_events"),
        ("new_persons", MONDAY): (2, 3, "late_events"),
        ("events", MONDAY): (2, 3, "late_events"),
    }
    rows = site.read("select distinct version, run_id, late_events, slice from marts.restatements")
    assert (report.version, "night", 1, "") in rows
    assert report.restated == site.read("select count(*) from marts.restatements")[0][0]


def test_a_sign_in_restates_the_day_on_which_the_device_was_a_stranger(site: Site) -> None:
    site.night(line("w1", "03T12:00", "phone", user_id="ana"))

    assert site.restated("daily_actives", "weekly_actives") == {
        ("daily_actives", MONDAY): (2, 1, "identity"),
        ("weekly_actives", MONDAY): (2, 1, "identity"),
        ("weekly_actives", TUESDAY): (2, 1, "late_events, identity"),
    }


def test_what_is_sent_twice_restates_nothing(site: Site) -> None:
    assert site.night(*HISTORY).restated == 0


def test_a_day_that_was_not_over_is_not_restated(site: Site) -> None:
    site.night(line("w1", "04T10:00", "phone", received_at="2026-03-04T10:00:00Z"))
    site.night(line("w2", "04T11:00", "watch", received_at="2026-03-05T11:00:00Z"))

    assert site.restated("daily_actives", "events") == {}


def test_a_day_before_the_first_is_restated_from_nothing(site: Site) -> None:
    site.night(line("early", "01T10:00", "phone"))

    assert site.restated("daily_actives", "new_persons") == {
        ("daily_actives", date(2026, 3, 1)): (None, 1, "late_events"),
        ("new_persons", date(2026, 3, 1)): (None, 1, "late_events"),
        ("new_persons", MONDAY): (2, 1, "late_events"),
    }


def test_another_delivery_that_counts_is_told_as_duplicates(site: Site) -> None:
    site.memory.connection.execute(
        "update raw.events set original_timestamp = '2026-03-03 10:00:00+00' where event_id = 'm1'"
    )
    site.night(full_refresh=True)

    assert site.restated("daily_actives") == {
        ("daily_actives", MONDAY): (2, 1, "duplicates"),
        ("daily_actives", TUESDAY): (1, 2, "duplicates"),
    }


@pytest.mark.parametrize("cause", ["erasure", "removal"])
def test_events_that_went_are_told_apart_from_a_person_who_was_erased(
    site: Site, cause: str
) -> None:
    site.memory.connection.execute("delete from raw.events where event_id = 'm1'")
    if cause == "erasure":
        site.memory.connection.execute(
            "create table meta.erasures as select now() at time zone 'UTC' as erased_at"
        )
    site.night(full_refresh=True, whole=True)

    assert site.restated("daily_actives") == {("daily_actives", MONDAY): (2, 1, cause)}
    assert site.night(full_refresh=True).restated == 0


def test_another_definition_is_the_reason_of_what_it_changes(site: Site) -> None:
    site.memory.connection.execute("update meta.builds set definition = 'of tomorrow'")
    site.memory.connection.execute("update marts.fct_daily_actives set sessions = sessions + 1")
    site.publish()

    assert site.restated("sessions") == {
        ("sessions", MONDAY): (2, 3, "definition_change"),
        ("sessions", TUESDAY): (1, 2, "definition_change"),
    }


def test_a_change_without_any_cause_is_called_unexplained(site: Site) -> None:
    site.memory.connection.execute("update marts.fct_daily_actives set events = events + 1")
    site.publish()

    assert {row[2] for row in site.restated("events").values()} == {"unexplained"}


def test_a_file_of_a_version_before_events_said_what_is_activity_is_compared(site: Site) -> None:
    with duckdb.connect(str(site.settings.published)) as connection:
        connection.execute("alter table marts.fct_events drop column is_activity")

    site.night(line("late", "02T12:00", "watch"))

    assert site.restated("events") == {("events", MONDAY): (2, 3, "late_events")}


def test_the_record_is_carried_from_file_to_file(site: Site) -> None:
    first = site.night(line("late", "02T12:00", "watch"), run_id="one")
    site.night(line("later", "02T13:00", "clock"), run_id="two", whole=True)
    site.publish()

    days = "where figure = 'daily_actives' order by from_value"
    assert site.read(f"select run_id, from_value, to_value from marts.restatements {days}") == [
        ("one", 2, 3),
        ("two", 3, 4),
    ]
    assert site.read(f"select version from marts.restatements {days}")[0] == (first.version,)
    assert site.read(
        "select row_count from meta.published where table_name = 'restatements'"
    ) == site.read("select count(*) from marts.restatements")


def test_the_events_that_the_models_noted_explain_as_much_as_all_events(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    records = []
    for is_noted in (True, False):
        site = Site(compiled, tmp_path / str(is_noted))
        site.night(*HISTORY)
        if is_noted:
            site.memory.connection.execute(
                "insert into meta.changed_rows values ('fct_events', 'event_id', 'late'),"
                " ('fct_events', 'event_id', 'w1'), ('fct_events', 'event_id', 'm1')"
            )
        site.night(
            line("late", "02T12:00", "watch"), line("w1", "03T12:00", "phone", user_id="ana")
        )
        records.append(
            site.read(
                "select * exclude (version, restated_at) from marts.restatements order by all"
            )
        )
    assert records[0] == records[1] != []


def test_a_settled_funnel_is_restated_and_one_with_open_attempts_is_not(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    site = Site(compiled, tmp_path)
    site.night(line("m1", "02T10:00"), line("w1", "03T23:30", "watch"))
    site.night(line("late", "02T12:00", "tablet"), line("late2", "03T23:20", "clock"))

    rows = site.read(
        "select slice, figure_date, from_value, to_value, reasons from marts.restatements"
        " where table_name = 'fct_funnel_steps' and slice = 'onboarding 1'"
    )
    assert rows == [("onboarding 1", MONDAY, 1, 2, "late_events")]


def sale(event_id: str, occurred_at: str, revenue: str, **properties: str) -> Line:
    return line(
        event_id,
        occurred_at,
        event_name="Order Completed",
        properties={"revenue": revenue, "order_id": event_id, **properties},
    )


def test_money_of_a_settled_day_is_restated_in_its_currency(
    compiled: CompiledModels, tmp_path: Path
) -> None:
    site = Site(compiled, tmp_path)
    site.night(
        sale("o1", "02T10:00", "10.50"),
        sale("o2", "02T11:00", "7", currency="EUR"),
        sale("told-again", "03T10:00", "5", order_id="twice"),
        sale("o3", "03T11:00", "1"),
    )
    # An order of Monday that was told on Tuesday too counts on Monday, and a sign-up is no money.
    site.night(
        sale("late", "02T12:00", "0.25"),
        sale("told-first", "02T13:00", "5", order_id="twice"),
        line("no-money", "02T14:00"),
        line("refund", "03T13:00", event_name="Order Refunded", properties={"order_id": "o1"}),
    )

    rows = site.read(
        "select figure, slice, figure_date, from_value, to_value, reasons, late_events"
        " from marts.restatements where table_name = 'fct_revenue_events' order by all"
    )
    assert rows == [
        ("gross_amount", "USD", MONDAY, Decimal("10.5"), Decimal("15.75"), "late_events", 2),
        ("gross_amount", "USD", TUESDAY, 6, 1, "late_events", 3),
        ("orders", "USD", MONDAY, 1, 3, "late_events", 2),
        ("orders", "USD", TUESDAY, 2, 1, "late_events", 3),
        ("refunded_amount", "USD", TUESDAY, 0, Decimal("10.5"), "late_events", 3),
        ("refunds", "USD", TUESDAY, 0, 1, "late_events", 3),
    ]


def test_the_erasure_of_a_buyer_restates_the_sums(compiled: CompiledModels, tmp_path: Path) -> None:
    site = Site(compiled, tmp_path)
    site.night(sale("o1", "02T10:00", "10.50"), sale("o2", "02T11:00", "7"), line("t1", "03T10:00"))
    site.memory.connection.execute("delete from raw.events where event_id = 'o1'")
    site.memory.connection.execute(
        "create table meta.erasures as select now() at time zone 'UTC' as erased_at"
    )
    site.night(full_refresh=True, whole=True)

    assert site.restated("gross_amount") == {("gross_amount", MONDAY): (17.5, 7, "erasure")}


def test_a_file_of_a_version_without_money_is_compared(site: Site) -> None:
    with duckdb.connect(str(site.settings.published)) as connection:
        connection.execute("drop table marts.fct_orders")
        connection.execute("drop table marts.fct_revenue_events")
    site.night(sale("late", "02T12:00", "5"))

    assert site.restated("gross_amount", "events") == {("events", MONDAY): (2, 3, "late_events")}


def test_a_file_that_cannot_be_read_begins_a_new_record(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.settings.published.write_bytes(b"not a database")
    site.night(line("late", "02T12:00", "watch"))

    assert "the record of restatements begins anew" in caplog.text
    assert site.read("select count(*) from marts.restatements") == [(0,)]
    with connect(site.settings, read_only=True) as connection:
        assert connection.execute("select count(*) from marts.fct_events").fetchone() == (4,)


def member(event_id: str, occurred_at: str, who: str, account: str, **changed: Any) -> Line:
    told = {"type": "group", "event_name": "group", "user_id": who, "group_id": account}
    return line(event_id, occurred_at, None, **told, **changed)


ACCOUNTS = """
    select figure, figure_date, from_value, to_value, reasons, late_events, reattributed_events
    from marts.restatements where table_name = 'fct_account_days' order by all
"""


def test_accounts_of_a_settled_day_are_restated(compiled: CompiledModels, tmp_path: Path) -> None:
    site = Site(compiled, tmp_path)
    visits = [
        line(f"{who}{day}", f"{day}T10:00", who, user_id=who)
        for who in ("ana", "ben", "cy")
        for day in ("02", "03")
    ]
    site.night(*visits, member("g1", "02T09:00", "ana", "acme"))
    # Of a day that is not over: it says where ben was on the days before.
    site.night(
        member("g2", "04T09:00", "ben", "acme", received_at="2026-03-04T09:00:00Z"),
        line("other", "02T12:00", "stranger"),
    )
    late = "late_events"
    assert site.read(ACCOUNTS) == [
        ("active_members", MONDAY, 1, 2, late, 2, 0),
        ("active_members", TUESDAY, 1, 2, late, 1, 0),
    ]
    # What names an account on Monday is of that account.
    site.night(line("late", "02T12:00", "best", user_id="dan", context={"groupId": "best"}))
    assert site.read(ACCOUNTS)[0] == ("active_accounts", MONDAY, 1, 2, late, 1, 0)


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_withdrawn_of_the_published_file_is_restated_too(
    compiled: CompiledModels, tmp_path: Path, whole: bool
) -> None:
    site = Site(compiled, tmp_path)
    site.night(
        {**sale("o1", "02T10:00", "10.50"), "user_id": "ana"},
        {**sale("o2", "02T11:00", "7"), "user_id": "ben"},
        member("g1", "02T09:00", "ana", "acme"),
        member("g2", "02T09:00", "ben", "best"),
        line("t1", "03T10:00"),
    )
    before = site.read("select count(*) from marts.fct_account_days")
    for who in ("ana", "nobody else"):
        digest = Tombstones(b"salt").digest(who).hex()
        entry = Entry(erasure_id="1", subject=digest, begun_at="now", users=(digest,))
        withdraw(site.settings, Tombstones(b"salt", (entry,)))
    assert site.read("select count(*) from marts.fct_account_days") != before
    site.memory.connection.execute("delete from raw.events where user_id = 'ana'")
    site.memory.connection.execute(
        "create table meta.erasures as select now() at time zone 'UTC' as erased_at"
    )
    site.night(full_refresh=True, whole=whole)

    assert site.restated("gross_amount", "active_accounts", "active_members") == {
        ("gross_amount", MONDAY): (17.5, 7, "erasure"),
        ("active_accounts", MONDAY): (2, 1, "erasure"),
        ("active_members", MONDAY): (2, 1, "erasure"),
    }
    assert site.night(full_refresh=True).restated == 0
