"""What holds over all data sets at once, and after the nightly job ran again."""

from __future__ import annotations

from itertools import pairwise

import duckdb
import pytest

from tests.reference import importing
from tests.reference.answers import one
from tests.reference.data import BEER, RETAIL, ReferenceData
from tests.reference.run import ReferenceRun
from tests.reference.sending import FORUM, GUEST, SHOP, SOURCES

pytestmark = pytest.mark.reference


@pytest.mark.parametrize(
    ("name", "sources", "events"), [(RETAIL, [SHOP, GUEST], 541_909), (BEER, [FORUM], 14_399)]
)
def test_every_event_arrives_whole_and_keeps_its_time(
    published: duckdb.DuckDBPyConnection,
    data: ReferenceData,
    name: str,
    sources: list[str],
    events: int,
) -> None:
    # An endpoint that gets a batch more than 2 seconds after it was sent takes the client's
    # clock for wrong and moves the events by that much. Every other answer would suffer.
    counts = published.execute(
        """
        select
            count(*) as arrived,
            count_if(sent.timestamp is distinct from arrived.occurred_at) as moved,
            count_if(
                sent.event is distinct from arrived.event_name
                or arrived.source_id || ':' || sent.user_id is distinct from arrived.user_id
                or json(sent.properties) is distinct from json(arrived.properties)
            ) as altered
        from read_json(?, columns = {
            message_id: 'varchar', event: 'varchar', user_id: 'varchar',
            timestamp: 'timestamp', properties: 'json'
        }) as sent
        inner join marts.fct_events as arrived on sent.message_id = arrived.event_id
        where list_contains(?, arrived.source_id)
        """,
        [str(data.events_file(name)), sources],
    ).fetchone()
    assert counts == (events, 0, 0)


def test_nothing_in_the_ledger_is_unexplained(published: duckdb.DuckDBPyConnection) -> None:
    rows = published.execute(
        "select source_id, sum(unexplained) from marts.ledger group by source_id order by source_id"
    ).fetchall()
    assert rows == [(source, 0) for source in sorted(SOURCES + importing.SOURCES)]


def test_actives_of_all_sources_are_those_of_each_added_up(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # No id of one data set means a person of another, so nobody is counted twice or merged.
    differing = published.execute(
        """
        with added_up as (
            select activity_date, count(distinct (source_id, person_id)) as actives
            from marts.fct_person_days group by activity_date
        )
        select days.activity_date, days.daily_actives, added_up.actives
        from marts.fct_daily_actives as days
        full join added_up on days.activity_date = added_up.activity_date
        where coalesce(days.daily_actives, -1) <> coalesce(added_up.actives, 0)
        """
    ).fetchall()
    assert differing == []


def test_the_calendar_holds_every_day_but_for_silences_of_more_than_a_year(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # From the shop's first day to the scenarios' last: years of silence between them.
    days = [
        day
        for (day,) in published.execute(
            "select activity_date from marts.fct_daily_actives order by activity_date"
        ).fetchall()
    ]
    assert (str(days[0]), str(days[-1])) == ("2010-12-01", "2024-01-10")
    gaps = [(following - day).days for day, following in pairwise(days)]
    assert all(gap == 1 or gap > 366 - 30 for gap in gaps)
    assert any(gap > 1 for gap in gaps)


def test_a_second_nightly_changes_no_row_of_any_mart(reference_run: ReferenceRun) -> None:
    with duckdb.connect() as connection:
        for name, path in [
            ("before", reference_run.first_published),
            ("after", reference_run.settings.published),
        ]:
            connection.execute(f"attach '{path}' as {name} (read_only)")
        versions = [
            one(connection, f"select distinct version from {name}.meta.published")
            for name in ("before", "after")
        ]
        marts = [
            {
                mart
                for (mart,) in connection.execute(
                    "select table_name from duckdb_tables() where database_name = ?"
                    " and schema_name = 'marts'",
                    [name],
                ).fetchall()
            }
            for name in ("before", "after")
        ]
        changed = {
            mart: one(
                connection,
                f"""
                select count(*) from (
                    (from before.marts.{mart} except all from after.marts.{mart})
                    union all
                    (from after.marts.{mart} except all from before.marts.{mart})
                )
                """,
            )
            for mart in sorted(marts[0])
        }
    assert versions[0] != versions[1]
    assert marts[0] == marts[1] >= {"fct_events", "fct_sessions", "fct_person_days", "ledger"}
    assert changed == dict.fromkeys(marts[0], 0)
