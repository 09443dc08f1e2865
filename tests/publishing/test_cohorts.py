"""Who is a member of a cohort, and how many there are, as any client asks it."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from tests.alphabet import COHORTS
from tests.models_in_memory import MemoryWarehouse
from tests.oracle.cohorts import member_rows
from tests.oracle.facts import Facts


@pytest.mark.parametrize("cohort", ["often", "quiet", "nested"])
def test_the_members_at_a_moment_are_those_of_the_oracle(
    told: list[tuple[MemoryWarehouse, Facts]], cohort: str
) -> None:
    found = 0
    for warehouse, facts in told:
        rows = member_rows(facts.events, facts.people, COHORTS, facts.calendar, [cohort])
        moments = {row["member_from"] for row in rows} | {row["member_to"] for row in rows}
        for moment in sorted(moment for moment in moments if moment)[:5]:
            for at in (moment, moment - timedelta(microseconds=1)):
                expected = {
                    row["person_id"]
                    for row in rows
                    if row["member_from"] <= at and (row["member_to"] or datetime.max) > at
                }
                answer = warehouse.rows(
                    f"from cohort_members('{cohort}', moment := timestamp '{at.isoformat(' ')}')"
                )
                assert {row["person_id"] for row in answer} == expected
                found += len(answer)
        now = {row["person_id"] for row in rows if row["member_to"] is None}
        answer = warehouse.rows(f"from cohort_members('{cohort}')")
        assert {row["person_id"] for row in answer} == now
    assert found


def test_sizes_are_those_of_the_mart_within_the_days(
    told: list[tuple[MemoryWarehouse, Facts]],
) -> None:
    ((warehouse, _),) = told
    assert warehouse.rows("from cohort_sizes(cohort := 'ever', since := date '2026-03-28')") == (
        warehouse.rows(
            "from marts.fct_cohort_days where cohort_name = 'ever'"
            " and activity_date >= date '2026-03-28' order by activity_date"
        )
    )
    everything = warehouse.rows("from cohort_sizes()")
    assert {row["cohort_name"] for row in everything} == {each["name"] for each in COHORTS}


def test_a_visit_is_one_of_members_if_one_of_its_events_is(
    told: list[tuple[MemoryWarehouse, Facts]],
) -> None:
    ((warehouse, _),) = told
    (found,) = warehouse.rows("from visits(filters := ['cohort:often'])")
    (expected,) = warehouse.rows(
        """
        select count(distinct sessions.session_id) as visits
        from marts.fct_sessions as sessions
        inner join marts.fct_events as events using (session_id)
        inner join marts.fct_cohort_members as members
            on events.person_id = members.person_id
            and events.occurred_at >= members.member_from
            and events.occurred_at < coalesce(members.member_to, timestamp '9999-01-01')
        where members.cohort_name = 'often' and not sessions.is_bot
        """
    )
    assert found["visits"] == expected["visits"] > 0


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        ("cohort_members(null)", "write the name of a cohort, as cohort_members"),
        ("cohort_members('ofen')", "no cohort is called ofen; write one of: annual, deeper,"),
        ("cohort_members('often', moment := 'soon')", "moment is a time; write moment := time"),
        ("cohort_members('often', moment := '2026-03-01 10:00:00 PM')", "moment is a time; write"),
        ("cohort_sizes(cohort := 'ofen')", "no cohort is called ofen; write one of: annual"),
        ("cohort_sizes(since := 'soon')", "since and until are days"),
    ],
)
def test_a_mistaken_question_about_a_cohort_says_what_to_write(
    told: list[tuple[MemoryWarehouse, Facts]], question: str, advice: str
) -> None:
    ((warehouse, _),) = told
    with pytest.raises(duckdb.Error, match=advice):
        warehouse.rows(f"from {question}")
