"""Three real years of a forum: its actives, its sessions, and who posts after signing up."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from tests.reference.answers import daily_actives, one, sessions, sessions_cut_by
from tests.reference.data import BEER, ReferenceData
from tests.reference.run import FORUM_WINDOWS, ReferenceRun, forum_funnel
from tests.reference.sending import FORUM, raw_body

pytestmark = pytest.mark.reference

#: SOURCE.md: accounts whose first question or answer came within so much time of the sign-up.
PUBLISHED = {"1 day": 603, "7 days": 629, "30 days": 662, "ever": 706}
SIGN_UPS = 3_947

#: Per account, how long after the sign-up each question and answer was posted.
POSTS = """
    with posts as (
        select posts.person_id, posts.occurred_at - sign_ups.occurred_at as wait
        from marts.fct_events as posts
        inner join marts.fct_events as sign_ups on posts.person_id = sign_ups.person_id
        where posts.event_name in ('question_asked', 'answer_posted')
          and sign_ups.event_name = 'signed_up'
    )
"""


@pytest.fixture(scope="session")
def answers(data: ReferenceData) -> dict[str, Any]:
    return data.answers[BEER]


def test_daily_actives_of_the_forum_add_up_to_the_published_sum(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    actives = daily_actives(published, FORUM)
    assert sum(persons for _, persons, _ in actives) == answers["dau_sum"] == 7_884
    assert len(actives) == answers["active_days"] == 1_041


def test_the_busiest_day_of_the_forum_is_the_published_one(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    day, persons, _ = max(daily_actives(published, FORUM), key=lambda row: row[1])
    assert [str(day), persons] == answers["dau_max"] == ["2014-09-24", 258]


def test_the_first_days_of_the_forum_are_the_published_ones(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    head = daily_actives(published, FORUM)[: len(answers["dau_head"])]
    assert [[str(day), persons, events] for day, persons, events in head] == answers["dau_head"]


def test_sessions_of_the_forum_do_not_end_at_midnight(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    assert sessions(published, FORUM) == answers["sessions_30min_gap_gt"] == 9_271
    assert sessions_cut_by(published, FORUM, ">") == 9_271
    assert answers["sessions_30min_cut_at_utc_midnight"] == 9_291


@pytest.mark.parametrize("window", FORUM_WINDOWS)
def test_as_many_sign_ups_lead_to_a_post_as_is_published(
    published: duckdb.DuckDBPyConnection, window: str
) -> None:
    states = published.execute(
        """
        select state, count(distinct person_id), count(*) from marts.fct_funnel_attempts
        where funnel_name = ? group by state order by state
        """,
        [forum_funnel(window)],
    ).fetchall()
    posted = PUBLISHED[window]
    dropped = SIGN_UPS - posted
    assert states == [("converted", posted, posted), ("dropped", dropped, dropped)]


def test_the_steps_of_the_forum_funnel_add_up_to_its_attempts(
    published: duckdb.DuckDBPyConnection,
) -> None:
    rows = published.execute(
        """
        select funnel_name, cast(sum(persons) as bigint), cast(sum(mature_persons) as bigint)
        from marts.fct_funnel_steps where step_number = 2 and starts_with(funnel_name, 'first post')
        group by funnel_name
        """
    ).fetchall()
    expected = [(forum_funnel(window), count, count) for window, count in PUBLISHED.items()]
    assert sorted(rows) == sorted(expected)


def test_a_post_before_the_sign_up_does_not_convert_it(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # Two accounts asked a question before they were made: the questions came from elsewhere,
    # with their authors. Step 2 comes after step 1, so these questions convert nobody; taking
    # the first post whenever it was would count both accounts in every window.
    early = published.execute(
        POSTS + "select distinct person_id from posts where wait < interval 0 seconds"
    ).fetchall()
    assert sorted(early) == [("forum:2632",), ("forum:352",)]
    first_posts = published.execute(
        POSTS + "select min(wait) from posts group by person_id"
    ).fetchall()
    careless = {
        window: sum(wait.total_seconds() <= hours * 3600 for (wait,) in first_posts)
        for window, hours in FORUM_WINDOWS.items()
    }
    assert careless == {"1 day": 605, "7 days": 631, "30 days": 664, "ever": 707}


def test_a_post_at_the_very_instant_of_the_sign_up_converts_it(
    published: duckdb.DuckDBPyConnection,
) -> None:
    # 107 accounts were made by posting: both events bear the same millisecond. The lower step
    # goes first among equals, or these would be lost.
    at_once = one(
        published,
        POSTS + "select count(distinct person_id) from posts where wait = interval 0 seconds",
    )
    converted_at_once = one(
        published,
        """
        select count(*) from marts.fct_funnel_attempts
        where funnel_name = ? and state = 'converted' and seconds_to_convert = 0
        """,
        forum_funnel("1 day"),
    )
    assert converted_at_once == at_once == 107


def test_an_event_that_nobody_did_is_refused_with_a_reason(
    reference_run: ReferenceRun, answers: dict[str, Any]
) -> None:
    refused = [refusal for answer in reference_run.raw_answers for refusal in answer["refused"]]
    assert {answer["status"] for answer in reference_run.raw_answers} == {200}
    assert {answer["accepted"] for answer in reference_run.raw_answers} == {0}
    assert {refusal["reason"] for refusal in refused} == {"missing_id"}
    assert len(refused) == answers["null_actor"] == 89


def test_what_was_refused_is_found_again_word_for_word(
    reference_run: ReferenceRun, data: ReferenceData
) -> None:
    sent = sorted(
        (FORUM, event["message_id"], "missing_id", raw_body(event))
        for event in data.events(BEER)
        if event["user_id"] is None
    )
    fields = ("source_id", "event_id", "reason", "body")
    quarantined = [tuple(line[name] for name in fields) for line in reference_run.quarantined()]
    with reference_run.warehouse() as warehouse:
        loaded = warehouse.execute(f"select {', '.join(fields)} from raw.refused").fetchall()
    assert sorted(quarantined) == sent
    assert sorted(loaded) == sent
    assert all(json.loads(body)["userId"] is None for *_, body in sent)


def test_every_forum_event_is_counted_or_refused(
    published: duckdb.DuckDBPyConnection, answers: dict[str, Any]
) -> None:
    balance = published.execute(
        """
        select sum(received - duplicates), sum(refused), sum(counted) from marts.ledger
        where source_id = ?
        """,
        [FORUM],
    ).fetchone()
    refused = answers["null_actor"]
    assert balance == (answers["events"], refused, answers["events"] - refused)
    assert balance == (14_488, 89, 14_399)
