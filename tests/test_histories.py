"""That histories reach the edges they are made for, and what holds of every warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings

from tests.alphabet import DAY, PLACEHOLDERS
from tests.histories import FUNNELS, History, histories, random_histories
from tests.oracle import Line, Marts, warehouse
from tests.oracle.activity import LONGEST_SILENCE, SHOWN_OF_SILENCE

ZONE = "Europe/Berlin"

#: 100 examples of the strategy take about 4 s, most of it drawing.
lived = given(histories())


def answered(history: History) -> Marts:
    return warehouse(history.loads, FUNNELS, time_zone=ZONE)


def edges(history: History) -> Iterator[str]:
    """Names of the edges this history sits on."""
    lines = [line for load in history.loads for file in load for line in file.lines]
    received = [line["received_at"] for line in lines]
    for load in history.loads:
        yield from (["a load of no file"] if not load else [])
        yield from (["a file of no line"] if any(not file.lines for file in load) else [])
    contents = [
        [line["event_id"] for line in file.lines] for load in history.loads for file in load
    ]
    whole = [content for content in contents if len(content) > 1]
    yield from (["a file that comes again"] if any(whole.count(c) > 1 for c in whole) else [])
    yield from (["files out of order"] if received != sorted(received) else [])
    for field in ("user_id", "anonymous_id", "previous_id"):
        nobodys = [line for line in lines if line[field] in ("guest", "undefined", *PLACEHOLDERS)]
        yield from ([f"{field} of nobody"] if nobodys else [])

    marts = answered(history)
    people = {row["event_id"]: row for row in marts.events}
    for row in marts.events:
        yield f"time {row['time_quality']}"
        yield f"type {row['event_type']}"
        yield f"skew {row['clock_skew_ms'] in (2000, -2000)} {row['time_quality']}"
        is_late = row["received_at"] - row["occurred_at"] > timedelta(days=30)
        yield from (["a month late"] if is_late else [])
        if row["event_type"] == "track" and row["anonymous_id"] is None and row["person_id"]:
            yield "in a visit" if row["first_event_id"] else "in no visit"
        if row["person_id"] is None:
            yield f"nobody's {row['event_type']}"
        elif row["user_id"] is not None:
            yield "alias" if row["person_id"] != row["user_id"] else "user"
        else:
            yield "device" if row["person_id"] == row["anonymous_id"] else "seen on device"
    for one, next_one in pairwise(marts.events):
        same = [(row["source_id"], row["anonymous_id"]) for row in (one, next_one)]
        gap = next_one["occurred_at"] - one["occurred_at"]
        if same[0] == same[1] and same[0][1] and gap in (timedelta(), timedelta(minutes=30)):
            yield f"gap {gap}"
    for session in marts.sessions:
        yield f"cut by {session['split_reason']}"
        yield f"bot {session['is_bot']}"
        if session["split_reason"] == "max_duration":
            before = [
                other
                for other in marts.sessions
                if (other["source_id"], people[other["first_event_id"]]["anonymous_id"])
                == (session["source_id"], people[session["first_event_id"]]["anonymous_id"])
                and session["started_at"] - other["started_at"] == timedelta(hours=24)
            ]
            yield from (["exactly a full day"] if before else [])
    for duplicate in marts.duplicates:
        yield f"collision {duplicate['id_collisions'] > 0}"
        yield f"duplicate {duplicate['duplicates'] > duplicate['id_collisions']}"
    for attempt in marts.funnel_attempts:
        yield f"{attempt['funnel_name']} {attempt['state']}"
        yield from (["whole window"] if attempt["seconds_to_convert"] == 3600 else [])
    for day in marts.daily_actives:
        kinds = ("new_persons", "returning_persons", "resurrected_persons", "dormant_persons")
        yield from (kind for kind in (*kinds, "bot_actives") if day[kind])
        yield f"complete {day['is_complete']}"
    for cohort in marts.retention:
        yield f"mature {cohort['is_mature']} {cohort['retained_persons'] > 0}"


def test_random_histories_reach_every_edge() -> None:
    reached = {edge for history in random_histories(3, 150) for edge in edges(history)}
    funnel_names = {row["funnel_name"] for row in FUNNELS}
    wanted = {
        "a load of no file",
        "a file of no line",
        "a file that comes again",
        "files out of order",
        *(f"time {quality}" for quality in ("received", "trusted", "clamped", "corrected")),
        *(f"type {t}" for t in ("track", "page", "screen", "identify", "group", "alias")),
        "skew True trusted",
        "skew True corrected",
        "a month late",
        "user",
        "alias",
        "in a visit",
        "in no visit",
        "device",
        "seen on device",
        *(f"nobody's {t}" for t in ("track", "page", "identify", "alias")),
        *(f"{field} of nobody" for field in ("user_id", "anonymous_id", "previous_id")),
        "gap 0:00:00",
        "gap 0:30:00",
        *(f"cut by {reason}" for reason in ("first", "timeout", "user_change", "max_duration")),
        "bot True",
        "exactly a full day",
        "collision True",
        "duplicate True",
        *(f"{name} converted" for name in funnel_names),
        *(f"{name} dropped" for name in funnel_names - {"single"}),
        *(f"{name} open" for name in funnel_names - {"single"}),
        "whole window",
        "new_persons",
        "returning_persons",
        "resurrected_persons",
        "dormant_persons",
        "bot_actives",
        "complete True",
        "complete False",
        "mature True True",
        "mature True False",
        "mature False True",
    }
    assert wanted - reached == set()


def test_a_seed_makes_the_same_histories_again() -> None:
    assert list(random_histories(7, 20)) == list(random_histories(7, 20))
    assert list(random_histories(7, 20)) != list(random_histories(8, 20))


def test_lines_are_json_and_files_have_names_of_their_own() -> None:
    for history in random_histories(3, 50):
        files = [file for load in history.loads for file in load]
        assert len({file.name for file in files}) == len(files)
        for line in (line for file in files for line in file.lines):
            assert json.loads(json.dumps(line)) == line


@lived
def test_every_received_line_is_counted_or_a_duplicate(history: History) -> None:
    marts = answered(history)
    lines = [line for load in history.loads for file in load for line in file.lines]
    assert sum(row["received"] for row in marts.duplicates) == len(lines)
    assert sum(row["counted"] for row in marts.duplicates) == len(marts.events)
    assert {row["event_id"] for row in marts.events} == {line["event_id"] for line in lines}
    assert all(
        row["received"] == row["counted"] + row["duplicates"]
        and row["id_collisions"] <= row["duplicates"]
        for row in marts.duplicates
    )


@lived
def test_nothing_occurs_after_it_was_received(history: History) -> None:
    assert all(row["occurred_at"] <= row["received_at"] for row in answered(history).events)


@lived
def test_sessions_divide_the_activity_among_them(history: History) -> None:
    marts = answered(history)
    for session in marts.sessions:
        own = [r for r in marts.events if r["first_event_id"] == session["first_event_id"]]
        assert len(own) == session["event_count"]
        assert {row["person_id"] for row in own} == {session["person_id"]}
        # A server's event may name a user whom only an identify showed on the device.
        of_device = [row for row in own if row["anonymous_id"] or row["event_type"] != "track"]
        assert {row["user_id"] for row in of_device} <= {session["user_id"], None}
        assert session["duration_seconds"] < 24 * 3600
        assert all(
            later["occurred_at"] - earlier["occurred_at"] <= timedelta(minutes=30)
            for earlier, later in pairwise(own)
        )
    active = [
        row
        for row in marts.events
        if row["is_activity"]
        and (row["first_event_id"] or row["anonymous_id"] or row["event_type"] != "track")
    ]
    assert sum(row["event_count"] for row in marts.sessions) == len(active)


@lived
def test_days_add_up(history: History) -> None:
    marts = answered(history)
    for before, day in pairwise(marts.daily_actives):
        passed = day["activity_date"] - before["activity_date"]
        assert passed == DAY or passed > LONGEST_SILENCE - SHOWN_OF_SILENCE
        assert day["dormant_persons"] == before["daily_actives"] - day["returning_persons"]
    for day in marts.daily_actives:
        kinds = ("new_persons", "returning_persons", "resurrected_persons")
        assert sum(day[kind] for kind in kinds) == day["daily_actives"]
        assert day["daily_actives"] <= day["weekly_actives"] <= day["monthly_actives"]
    persons = {row["person_id"] for row in marts.person_days}
    assert sum(day["new_persons"] for day in marts.daily_actives) == len(persons)
    assert sum(d["events"] for d in marts.daily_actives) == sum(
        row["events"] for row in marts.person_days
    )
    assert sum(d["sessions"] for d in marts.daily_actives) == len(
        [session for session in marts.sessions if not session["is_bot"]]
    )


@lived
def test_funnels_only_narrow(history: History) -> None:
    for earlier, later in pairwise(answered(history).funnel_steps):
        if later["step_number"] > 1:
            assert later["persons"] <= earlier["persons"]
            assert later["mature_persons"] <= later["mature_entries"]


@lived
def test_the_cut_into_loads_matters_to_duplicates_alone(history: History) -> None:
    lines: dict[str, Line] = {}
    for load in history.loads:
        for line in (line for file in load for line in file.lines):
            lines.setdefault(line["event_id"], line)
    one_each = list(lines.values())
    at_once = warehouse([[("all", one_each)]], FUNNELS, time_zone=ZONE)
    one_by_one = [[(f"{n}", [line])] for n, line in enumerate(reversed(one_each))]
    assert warehouse(one_by_one, FUNNELS, time_zone=ZONE) == at_once


@settings(max_examples=50)
@lived
def test_funnels_do_not_depend_on_the_names_of_events(history: History) -> None:
    """Ids only break ties, so renaming them in order changes nothing but the names."""
    renamed = [
        [
            (file.name, [{**line, "event_id": f"n-{line['event_id']}"} for line in file.lines])
            for file in load
        ]
        for load in history.loads
    ]
    again = warehouse(renamed, FUNNELS, time_zone=ZONE)
    assert again.funnel_attempts == answered(history).funnel_attempts
