"""Trials: their edges by hand, and that nothing of the future is in their features."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import pytest

from tests.alphabet import ACTIONS, DAY, HOUR, INSTANT, MINUTE
from tests.histories import iso, random_histories, side_by_side
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle import File

START = datetime(2026, 3, 2)
Rows = dict[tuple[Any, ...], tuple[Any, ...]]


@pytest.fixture(scope="module")
def compiled(compiled: CompiledModels) -> CompiledModels:
    """The models of trials."""
    return compiled.only("fct_trials", "fct_trial_days", "fct_trial_day_features")


def line(
    number: int, who: str, name: str, at: timedelta, received: timedelta | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "event_id": f"e{number:02}",
        "source_id": "web",
        "type": "page" if name == "page_view" else "track",
        "event_name": name,
        "user_id": who,
        "anonymous_id": f"device of {who}",
        "group_id": None,
        "previous_id": None,
        "original_timestamp": iso(START + at),
        "sent_at": None,
        "received_at": iso(START + (at if received is None else received)),
        "properties": {},
        "traits": {},
        "context": {},
        "request": {},
        **more,
    }


def test_what_is_told_as_history_was_known_when_it_happened(compiled: CompiledModels) -> None:
    told = {"path": "/v1/import"}
    migrated = {"batch": {"historical_migration": True}}
    lines = [
        line(1, "ana", "sign_up", 0 * DAY, 9 * DAY, request=told),
        line(2, "ana", "invite_sent", HOUR, 9 * DAY, request=migrated),
        # Late, and not told as history: nobody knew until the end.
        line(3, "ana", "invite_sent", 2 * HOUR, 9 * DAY),
        line(4, "ben", "sign_up", 0 * DAY, 9 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    used = warehouse.connection.execute(
        """
        select distinct actor_id, use_count from marts.fct_trial_day_features
        where question_name = 'buys' and feature_name = 'invites' and trial_day = 1
        """
    ).fetchall()
    assert used == [("ana", 1)]


def test_the_edges_of_a_trial_are_as_worked_out_by_hand(compiled: CompiledModels) -> None:
    campaign = {"page": {"referrer": "https://search.example:443/q?x=1"}}
    lines = [
        line(1, "ana", "sign_up", 0 * DAY),
        # Known exactly at the age of one day, and a microsecond too late for it.
        line(2, "ana", "invite_sent", 12 * HOUR, 1 * DAY),
        line(3, "ana", "invite_sent", 13 * HOUR, 1 * DAY + INSTANT, properties={"plan": "annual"}),
        # Exactly at the end of the horizon of day 3; at day 4 it is no longer ahead.
        line(4, "ana", "purchase", 4 * DAY),
        # Before the sign-up, so of no count but for where she came from.
        line(5, "ben", "page_view", -HOUR, context=campaign),
        line(6, "ben", "sign_up", 0 * DAY),
        # A pause of exactly 30 minutes goes on, a longer one does not.
        line(7, "ben", "page_view", 30 * MINUTE),
        line(8, "ben", "page_view", HOUR + INSTANT),
        # Who bought before is not at risk, and who is told of late is known late.
        line(9, "cleo", "purchase", -DAY),
        line(10, "cleo", "sign_up", 0 * DAY),
        line(11, "dan", "sign_up", 0 * DAY, 3 * DAY + INSTANT),
        # The edge of the data: at the age of 6 days, and at the end of the horizon of day 5.
        line(12, "eve", "page_view", 6 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    gone = (HOUR + INSTANT) / DAY
    days = warehouse.connection.execute(
        """
        select
            actor_id, trial_day, outcome, is_mature, event_count, session_count, active_days,
            days_since_last_event, entry_source
        from marts.fct_trial_days where question_name = 'buys' order by all
        """
    ).fetchall()
    assert [tuple(_rounded(cell) for cell in row) for row in days] == [
        ("ana", 1, "not_converted", True, 2, 2, 1, 0.5, "direct"),
        ("ana", 2, "not_converted", True, 3, 3, 1, _rounded(35 / 24), "direct"),
        ("ana", 3, "converted", True, 3, 3, 1, _rounded(59 / 24), "direct"),
        *(
            ("ben", day, outcome, is_mature, 3, 2, 1, _rounded(day - gone), "search.example")
            for day, outcome, is_mature in (
                *((day, "not_converted", True) for day in (1, 2, 3, 4)),
                (5, "open", False),
            )
        ),
        ("dan", 4, "not_converted", True, 1, 1, 1, 4.0, "direct"),
        ("dan", 5, "open", False, 1, 1, 1, 5.0, "direct"),
    ]
    features = warehouse.connection.execute(
        """
        select trial_day, feature_name, use_count, days_used, days_since_last
        from marts.fct_trial_day_features
        where question_name = 'buys' and actor_id = 'ana' and is_used order by all
        """
    ).fetchall()
    assert features == [
        (1, "invites", 1, 1, 0.5),
        (2, "annual", 1, 1, 35 / 24),
        (2, "invites", 2, 1, 35 / 24),
        (3, "annual", 1, 1, 59 / 24),
        (3, "invites", 2, 1, 59 / 24),
    ]


def _rounded(cell: object) -> object:
    """To a tenth of a microsecond, in days."""
    return round(cell, 12) if isinstance(cell, float) else cell


def test_a_rank_is_among_those_of_earlier_weeks(compiled: CompiledModels) -> None:
    week = 7 * DAY
    lines = [
        line(number, who, name, at)
        for number, (who, name, at) in enumerate(
            [
                *((who, "sign_up", 0 * DAY) for who in ("a1", "a2", "a3")),
                ("a2", "invite_sent", HOUR),
                *(("a3", "invite_sent", n * HOUR) for n in (1, 2, 3)),
                *((who, "sign_up", week) for who in ("b1", "b2")),
                *(("b1", "invite_sent", week + n * HOUR) for n in (1, 2)),
                # Later in the same week, and no peer of either.
                ("b3", "sign_up", week + DAY),
                ("edge", "page_view", 30 * DAY),
            ]
        )
    ]
    warehouse = loaded(compiled, [[File("weeks.ndjson", lines)]])
    shares = warehouse.connection.execute(
        """
        select actor_id, peer_share from marts.fct_trial_day_features
        where question_name = 'buys' and feature_name = 'invites' and trial_day = 1 order by all
        """
    ).fetchall()
    assert shares == [
        *((who, None) for who in ("a1", "a2", "a3")),
        ("b1", 2 / 3),
        ("b2", 0.0),
        ("b3", 0.0),
    ]


def told(warehouse: MemoryWarehouse, moment: datetime) -> tuple[Rows, Rows]:
    """Days and features as of no later than a moment, by their grain, without what may look on.

    Without those of accounts: a group call that arrives late may move events to another account.
    """
    days = warehouse.connection.execute(
        """
        select
            question_name, actor_id, trial_day, as_of, event_count, active_days,
            days_since_last_event, session_count, device_count, entry_source
        from marts.fct_trial_days where as_of <= ? and not starts_with(question_name, 'account_')
        """,
        [moment],
    ).fetchall()
    features = warehouse.connection.execute(
        """
        select
            question_name, actor_id, trial_day, feature_name, use_count, days_used,
            days_since_last, peer_share
        from marts.fct_trial_day_features
        inner join marts.fct_trial_days using (question_name, actor_id, trial_day)
        where as_of <= ? and not starts_with(question_name, 'account_')
        """,
        [moment],
    ).fetchall()
    return {row[:3]: row for row in days}, {row[:4]: row for row in features}


def test_what_is_received_later_moves_no_feature(compiled: CompiledModels) -> None:
    history = side_by_side(list(random_histories(seed=15, count=12)))
    warehouse = loaded(compiled, history.loads)
    moments = warehouse.connection.execute(
        "select quantile_disc(as_of, [0.2, 0.5, 0.8]) from marts.fct_trial_days"
    ).fetchone()
    assert moments is not None
    lines = [line for load in history.loads for file in load for line in file.lines]
    ranked = 0
    for moment in moments[0]:
        names = cycle((*ACTIONS, "page_view", "identify"))
        planted = [
            {
                **original,
                "event_id": f"later {number}",
                "event_name": next(names),
                "properties": {"plan": "annual" if number % 2 else True},
                "original_timestamp": original["original_timestamp"] if number % 3 else None,
                "sent_at": None,
                "received_at": iso(moment + INSTANT),
                "request": {},
            }
            for number, original in enumerate(lines)
        ]
        later = loaded(compiled, [*history.loads, [File("later.ndjson", planted)]])
        for before, after in zip(told(warehouse, moment), told(later, moment), strict=True):
            # A conversion that is learnt of late takes a row away: the person was not at risk.
            assert after.items() <= before.items()
            assert len(after) > len(before) / 3
        ranked += sum(row[-1] is not None for row in told(later, moment)[1].values())
    assert ranked


def test_time_passes_for_those_of_whom_nothing_comes(compiled: CompiledModels) -> None:
    warehouse = MemoryWarehouse(compiled)
    told_by = []
    for number, at in enumerate((0 * DAY, DAY, DAY + INSTANT, 9 * DAY, 9 * DAY + INSTANT)):
        who, name = ("ana", "sign_up") if number == 0 else ("eve", "page_view")
        warehouse.load([File(f"{number}.ndjson", [line(number, who, name, at)])])
        warehouse.build()
        told_by.append(
            warehouse.connection.execute(
                """
                select trial_day, outcome, is_mature from marts.fct_trial_days
                where question_name = 'buys' and actor_id = 'ana'
                order by trial_day desc limit 1
                """
            ).fetchone()
        )
    assert told_by == [
        None,
        None,
        (1, "open", False),
        # Of the last age no later one follows; its horizon still ends.
        (8, "open", False),
        (8, "not_converted", True),
    ]


def test_a_start_that_happens_again_is_a_conversion_and_nothing_else_is(
    compiled: CompiledModels,
) -> None:
    lines = [
        # Twice at the same moment is once. The second time counts, not the one before the trial
        # that became known after it.
        line(1, "ana", "page_view", 0 * DAY),
        line(2, "ana", "page_view", 0 * DAY),
        line(3, "ana", "page_view", -HOUR, 2 * HOUR),
        line(4, "ana", "page_view", 3 * DAY),
        line(5, "ben", "page_view", 0 * DAY),
        line(6, "ben", "page_view", INSTANT),
        line(7, "eve", "sign_up", 9 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert warehouse.connection.execute(
        """
        select actor_id, converted_at from marts.fct_trials
        where question_name = 'again' order by all
        """
    ).fetchall() == [("ana", START + 3 * DAY), ("ben", START + INSTANT)]
    assert warehouse.connection.execute(
        """
        select trial_day, outcome from marts.fct_trial_days
        where question_name = 'again' order by all
        """
    ).fetchall() == [(1, "not_converted"), (2, "converted")]


def test_what_does_not_happen_converts_at_the_end_of_its_time(compiled: CompiledModels) -> None:
    lines = [
        line(1, "ana", "sign_up", 0 * DAY),
        # Exactly at the end is within it, a microsecond later is not, and before the start neither.
        line(2, "ben", "sign_up", 0 * DAY),
        line(3, "ben", "purchase", 2 * DAY),
        line(4, "cleo", "purchase", -DAY),
        line(5, "cleo", "sign_up", 0 * DAY),
        line(6, "cleo", "purchase", 2 * DAY + INSTANT),
        # The data ends exactly where the time of dan's trial does.
        line(7, "dan", "sign_up", 1 * DAY),
        line(8, "eve", "page_view", 3 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    trials = """
        select actor_id, converted_at, ended_at from marts.fct_trials
        where question_name = 'stays_2' order by all
    """
    days = """
        select actor_id, trial_day, outcome, is_mature from marts.fct_trial_days
        where question_name = 'stays_2' order by all
    """
    over = START + 7 * DAY
    assert warehouse.connection.execute(trials).fetchall() == [
        ("ana", START + 2 * DAY, over),
        ("ben", None, START + 2 * DAY),
        ("cleo", START + 2 * DAY, over),
        ("dan", None, over + DAY),
    ]
    assert warehouse.connection.execute(days).fetchall() == [
        ("ana", 1, "converted", False),
        ("ben", 1, "open", False),
        ("cleo", 1, "converted", False),
        ("dan", 1, "open", False),
    ]
    # Time passes, and nothing is heard of dan.
    warehouse.load([File("later.ndjson", [line(9, "eve", "page_view", 3 * DAY + INSTANT)])])
    warehouse.build()
    assert warehouse.connection.execute(trials).fetchall()[-1] == (
        ("dan", START + 3 * DAY, over + DAY)
    )
    assert warehouse.connection.execute(days).fetchall()[-1] == ("dan", 1, "converted", False)


def test_ages_may_be_hours_or_minutes(compiled: CompiledModels) -> None:
    lines = [
        line(1, "ana", "sign_up", 0 * DAY),
        # Known exactly at the age of two hours, and of 30 minutes.
        line(2, "ana", "page_view", MINUTE, 30 * MINUTE),
        line(3, "ana", "page_view", HOUR, 2 * HOUR),
        line(4, "ana", "purchase", 3 * HOUR - INSTANT),
        line(5, "eve", "page_view", 2 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert warehouse.connection.execute(
        """
        select days.trial_day, days.age_unit, days.as_of, days.outcome, features.use_count
        from marts.fct_trial_days as days
        inner join marts.fct_trial_day_features as features
            using (question_name, actor_id, trial_day)
        where question_name like 'soon_in_%' and actor_id = 'ana'
        order by as_of
        """
    ).fetchall() == [
        (29, "minutes", START + 29 * MINUTE, "converted", 0),
        (30, "minutes", START + 30 * MINUTE, "converted", 1),
        (31, "minutes", START + 31 * MINUTE, "converted", 1),
        (1, "hours", START + HOUR, "converted", 1),
        (2, "hours", START + 2 * HOUR, "converted", 2),
    ]


def group(
    number: int, who: str, account: str | None, at: timedelta, received: timedelta | None = None
) -> dict[str, Any]:
    return line(number, who, "group", at, received, type="group", group_id=account)


ACCOUNT_DAYS = """
    select actor_id, trial_day, outcome, event_count, device_count
    from marts.fct_trial_days where question_name = 'account_buys' order by all
"""


def test_a_trial_of_an_account_has_what_its_members_do_while_they_are(
    compiled: CompiledModels,
) -> None:
    lines = [
        # The account is named after its start, and the start was its own nevertheless: from then on
        # that is known. What eve did before anybody named her account is acme's from day 5 on.
        line(1, "ana", "sign_up", 0 * DAY),
        group(2, "ana", "acme", 2 * DAY),
        line(3, "eve", "invite_sent", 1 * DAY),
        group(4, "eve", "acme", 5 * DAY),
        # An event that names an account is of that account, whoever does it.
        line(5, "zoe", "invite_sent", 1 * DAY, context={"groupId": "acme"}),
        group(6, "zoe", "zeta", 1 * DAY + HOUR),
        line(7, "zoe", "invite_sent", 2 * DAY),
        # Ana leaves for beta; from this moment on her events are beta's.
        group(8, "ana", "beta", 6 * DAY),
        line(9, "ana", "purchase", 6 * DAY),
        line(10, "end", "invite_sent", 12 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert warehouse.connection.execute(
        """
        select actor_id, actor, person_id, started_at, start_known_at, converted_at
        from marts.fct_trials where question_name = 'account_buys' order by all
        """
    ).fetchall() == [("acme", "account", "ana", START, START + 2 * DAY, None)]
    assert warehouse.connection.execute(ACCOUNT_DAYS).fetchall() == [
        *(("acme", day, "not_converted", 2, 2) for day in (2, 3, 4)),
        *(("acme", day, "not_converted", 3, 3) for day in (5, 6, 7)),
    ]


def test_a_person_in_five_accounts_counts_for_the_one_at_each_moment(
    compiled: CompiledModels,
) -> None:
    names = [f"account {number}" for number in range(5)]
    lines = [
        each
        for number, name in enumerate(names)
        for each in (
            group(2 * number, "ana", name, number * HOUR),
            line(2 * number + 1, "ana", "sign_up", number * HOUR + MINUTE),
        )
    ]
    lines += [line(20, "ana", "purchase", DAY + 9 * HOUR), line(21, "end", "sign_up", 12 * DAY)]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert warehouse.connection.execute(
        """
        select actor_id, started_at, converted_at from marts.fct_trials
        where question_name = 'account_buys' order by all
        """
    ).fetchall() == [
        (
            name,
            START + number * HOUR + MINUTE,
            START + DAY + 9 * HOUR if name == names[-1] else None,
        )
        for number, name in enumerate(names)
    ]


def test_an_account_that_loses_the_start_of_its_trial_has_none(compiled: CompiledModels) -> None:
    lines = [
        group(1, "ana", "acme", 0 * DAY),
        line(2, "ana", "sign_up", 2 * HOUR),
        line(3, "end", "invite_sent", 12 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert {row[0] for row in warehouse.connection.execute(ACCOUNT_DAYS).fetchall()} == {"acme"}
    late = group(4, "ana", "beta", HOUR, 12 * DAY + HOUR)
    warehouse.load([File("late.ndjson", [late])])
    warehouse.build()
    # Nobody knew in time that it was beta's.
    assert warehouse.connection.execute(ACCOUNT_DAYS).fetchall() == []
    assert warehouse.connection.execute(
        """
        select actor_id, start_known_at from marts.fct_trials
        where question_name = 'account_buys'
        """
    ).fetchall() == [("beta", START + 12 * DAY + HOUR)]


def test_an_event_without_a_user_is_an_accounts_once_its_device_is_known(
    compiled: CompiledModels,
) -> None:
    lines = [
        group(1, "ana", "acme", 0 * DAY),
        line(2, "ana", "sign_up", 0 * DAY),
        line(3, "ana", "invite_sent", 12 * HOUR, user_id=None, anonymous_id="phone"),
        line(4, "ana", "invite_sent", 3 * DAY, anonymous_id="phone"),
        line(5, "end", "invite_sent", 12 * DAY),
    ]
    warehouse = loaded(compiled, [[File("hand.ndjson", lines)]])
    assert [row[3] for row in warehouse.connection.execute(ACCOUNT_DAYS).fetchall()] == [
        *(1, 1, 3, 3, 3, 3, 3),
    ]
