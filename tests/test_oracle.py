"""The oracle against examples worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests import golden
from tests.oracle import File, Line, Marts, Row, warehouse

MARTS = tuple(Marts.__annotations__)


def event(event_id: str, at: str, type_: str = "track", **fields: Any) -> Line:
    """A line of device d that occurred and was received at the time, of 2 March or as given."""
    moment = at if "T" in at else f"2026-03-02T{at}"
    names = {"track": "ping", "page": "page_view", "screen": "screen_view"}
    told = {
        "event_id": event_id,
        "source_id": "web",
        "type": type_,
        "event_name": names.get(type_, type_),
        "anonymous_id": "d",
        "original_timestamp": moment,
        "received_at": moment,
    }
    return {**told, **fields}


def marts(*lines: Line, **options: Any) -> Marts:
    return warehouse([[File("0.ndjson", lines)]], **options)


def column(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows]


def sessions(*lines: Line) -> list[tuple[str, str, int]]:
    rows = marts(*lines).sessions
    return [(row["first_event_id"], row["split_reason"], row["event_count"]) for row in rows]


def persons(*lines: Line) -> dict[str, str]:
    return {row["event_id"]: row["person_id"] for row in marts(*lines).events}


def steps(*names: str, window_hours: int = 1, plan: str = "") -> list[dict[str, str]]:
    return [
        {
            "funnel_name": "f",
            "step_number": str(number),
            "step_name": f"step {number}",
            "event_name": name,
            "property_name": "plan" if plan else "",
            "property_value": plan,
            "window_hours": str(window_hours),
        }
        for number, name in enumerate(names, start=1)
    ]


def attempts(
    funnel: list[dict[str, str]], *lines: Line
) -> list[tuple[str, int, str, float | None]]:
    return [
        (
            row["entered_at"].isoformat(timespec="auto")[11:],
            row["deepest_step"],
            row["state"],
            row["seconds_to_convert"],
        )
        for row in marts(*lines, funnels=funnel).funnel_attempts
    ]


@pytest.mark.parametrize("mart", [mart for mart in MARTS if golden.has(mart)])
@pytest.mark.parametrize("day", golden.DAYS)
def test_golden_days_come_out_as_worked_out_by_hand(day: str, mart: str) -> None:
    answered = warehouse([golden.load(day)], golden.funnels())
    wanted = golden.expected(day, mart)
    assert golden.as_expected(getattr(answered, mart), like=wanted) == wanted


def test_an_empty_warehouse_has_no_rows() -> None:
    answered = warehouse([[], [File("0.ndjson", [])]], steps("a"))
    assert all(getattr(answered, mart) == [] for mart in MARTS)


# Duplicates


def test_the_first_load_wins_even_when_received_later() -> None:
    late = event("e", "10:00", event_name="late")
    early = event("e", "09:00", event_name="early")
    answered = warehouse([[File("b", [late])], [File("a", [early])]])
    assert column(answered.events, "event_name") == ["late"]


def test_within_a_load_the_first_received_wins() -> None:
    late = event("e", "10:00", event_name="late")
    early = event("e", "09:00", event_name="early")
    answered = warehouse([[File("a", [late]), File("b", [early])]])
    assert column(answered.events, "event_name") == ["early"]


def test_received_at_once_the_file_name_and_then_the_line_decide() -> None:
    one, two, three = (event("e", "10:00", event_name=name) for name in ("one", "two", "three"))
    answered = warehouse([[File("b", [one]), File("a", [two, three])]])
    assert column(answered.events, "event_name") == ["two"]


def test_an_event_id_is_one_event_over_all_sources() -> None:
    answered = marts(event("e", "09:00"), event("e", "09:01", source_id="app"))
    assert column(answered.events, "source_id") == ["web"]
    assert [tuple(row.values()) for row in answered.duplicates] == [
        ("app", 1, 0, 1, 1),
        ("web", 1, 1, 0, 0),
    ]


@pytest.mark.parametrize(
    ("changed", "collisions"),
    [
        ({"received_at": "2026-03-02T10:00", "sent_at": "2026-03-02T10:00"}, 0),
        ({"request": {"attempt": 2}, "context": {"retryCount": 1}}, 0),
        ({"user_id": "", "properties": {}, "traits": None}, 0),
        ({"original_timestamp": "2026-03-02T10:00+01:00"}, 0),
        ({"properties": {"value": 1}}, 1),
        ({"user_id": "u"}, 1),
        ({"original_timestamp": "2026-03-02T09:00:01"}, 1),
    ],
)
def test_only_other_content_is_a_collision(changed: dict[str, Any], collisions: int) -> None:
    first = event("e", "09:00")
    (row,) = marts(first, {**first, **changed}).duplicates
    assert (row["duplicates"], row["id_collisions"]) == (1, collisions)


def test_a_broken_contract_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        warehouse([[File("a", [])], [File("a", [])]])
    with pytest.raises(ValueError, match="window"):
        marts(funnels=[*steps("a"), {**steps("a", "b")[1], "window_hours": "2"}])


# Time


@pytest.mark.parametrize(
    ("original", "sent", "received", "occurred", "quality", "skew"),
    [
        (None, None, "09:00:00", "09:00:00", "received", None),
        (None, "08:00:00", "09:00:00", "09:00:00", "received", 3_600_000),
        ("08:00:00", None, "09:00:00", "08:00:00", "trusted", None),
        ("09:00:00", None, "09:00:00", "09:00:00", "trusted", None),
        ("09:00:01", None, "09:00:00", "09:00:00", "clamped", None),
        ("08:00:00", "08:59:58", "09:00:00", "08:00:00", "trusted", 2000),
        ("08:00:00", "09:00:02", "09:00:00", "08:00:00", "trusted", -2000),
        ("09:00:01", "09:00:02", "09:00:00", "09:00:00", "clamped", -2000),
        ("08:00:00", "08:59:57.999999", "09:00:00", "08:00:02.000001", "corrected", 2000),
        ("08:00:00", "09:00:02.000001", "09:00:00", "07:59:57.999999", "corrected", -2000),
        ("07:00:00", "07:00:00", "09:00:00", "09:00:00", "corrected", 7_200_000),
        ("07:00:01", "07:00:00", "09:00:00", "09:00:00", "clamped", 7_200_000),
        ("08:00:00", "08:59:59.998500", "09:00:00", "08:00:00", "trusted", 1),
        ("08:00:00", "09:00:00.001500", "09:00:00", "08:00:00", "trusted", -1),
    ],
)
def test_the_time_told_follows_from_the_three_clocks(
    original: str | None,
    sent: str | None,
    received: str,
    occurred: str,
    quality: str,
    skew: int | None,
) -> None:
    told = {"original_timestamp": original, "sent_at": sent, "received_at": received}
    clocks: dict[str, Any] = {name: t and f"2026-03-02T{t}Z" for name, t in told.items()}
    line = event("e", "00:00", **clocks)
    (row,) = marts(line).events
    assert row["occurred_at"].isoformat() == f"2026-03-02T{occurred}"
    assert (row["time_quality"], row["clock_skew_ms"]) == (quality, skew)


def test_offsets_are_read_as_offsets() -> None:
    (row,) = marts(event("e", "2026-03-02T01:30:00+02:00")).events
    assert row["occurred_at"].isoformat() == "2026-03-01T23:30:00"


# Sessions


def test_a_gap_of_exactly_the_timeout_continues_the_session() -> None:
    assert sessions(event("a", "09:00"), event("b", "09:30")) == [("a", "first", 2)]


def test_a_gap_of_an_instant_more_starts_a_session() -> None:
    assert sessions(event("a", "09:00"), event("b", "09:30:00.000001")) == [
        ("a", "first", 1),
        ("b", "timeout", 1),
    ]


def test_midnight_does_not_cut() -> None:
    lines = event("a", "2026-03-02T23:50"), event("b", "2026-03-03T00:10")
    assert sessions(*lines) == [("a", "first", 2)]


def test_sources_and_visitors_have_sessions_of_their_own() -> None:
    assert sessions(
        event("a", "09:00"),
        event("b", "09:01", source_id="app"),
        event("c", "09:02", anonymous_id="other"),
        event("e", "09:03"),
    ) == [("b", "first", 1), ("a", "first", 2), ("c", "first", 1)]


def test_without_a_device_the_user_is_the_visitor_by_the_same_text() -> None:
    user = event("b", "09:01", "page", anonymous_id="", user_id="d")
    (row,) = marts(event("a", "09:00", anonymous_id="d"), user).sessions
    assert (row["anonymous_id"], row["user_id"], row["event_count"]) == ("d", "d", 2)


def server(event_id: str, at: str, user_id: str = "ana", **fields: Any) -> Line:
    """What a server tells of a user: a track event without a device."""
    return event(event_id, at, anonymous_id=None, user_id=user_id, **fields)


def joined(*lines: Line) -> dict[str, str | None]:
    """By event of a server, the first event of the session it is in."""
    rows = marts(*lines).events
    return {row["event_id"]: row["first_event_id"] for row in rows if row["anonymous_id"] is None}


def test_a_servers_event_is_in_its_users_running_session_and_opens_none() -> None:
    visit = [event("a", "09:00", "page", user_id="ana"), event("b", "09:10", "page")]
    assert joined(
        *visit,
        server("before", "08:59"),
        server("start", "09:00"),
        server("in", "09:05"),
        server("end", "09:40"),
        server("after", "09:40:00.000001"),
        server("elsewhere", "09:05", source_id="api"),
        server("another's", "09:05", "ben"),
    ) == {
        **dict.fromkeys(("before", "after", "elsewhere", "another's")),
        **dict.fromkeys(("start", "in", "end"), "a"),
    }


def test_a_servers_event_makes_a_session_neither_longer_nor_another() -> None:
    bounce = event("a", "09:00", "page", user_id="ana", context={"campaign": {"name": "spring"}})
    told = [server("s", "09:20"), server("t", "09:25", user_agent="bot")]
    (alone,), (row,) = marts(bounce).sessions, marts(bounce, *told).sessions
    assert row == {**alone, "event_count": 3}
    assert (row["is_bounce"], row["duration_seconds"]) == (True, 0)
    late = event("z", "09:31", "page", user_id="ana")
    assert sessions(bounce, *told, late) == [("a", "first", 3), ("z", "timeout", 1)]


def test_a_servers_event_outside_sessions_is_its_users_activity() -> None:
    answered = marts(server("s", "09:00"))
    assert answered.sessions == answered.event_transitions == []
    (row,) = answered.person_days
    assert (row["person_id"], row["events"], row["sessions"]) == ("ana", 1, 0)
    assert column(answered.retention, "cohort_size") == [1]


def test_a_session_is_its_users_whom_a_sign_in_names_while_it_runs() -> None:
    visit = event("a", "09:00", "page")
    told = server("s", "09:10")
    assert joined(visit, told) == {"s": None}
    assert joined(visit, event("i", "09:30", "identify", user_id="ana"), told) == {"s": "a"}
    too_late = event("i", "09:30:00.000001", "identify", user_id="ana")
    assert joined(visit, too_late, told) == {"s": None}
    other = event("h", "09:05", "identify", user_id="ben")
    assert joined(visit, other, event("i", "09:09", "identify", user_id="ana"), told) == {"s": None}


def test_of_two_running_sessions_the_one_that_began_last_has_the_servers_event() -> None:
    laptop = [event("a", "09:00", "page", user_id="ana"), event("c", "09:25", "page")]
    phone = event("b", "09:05", "page", anonymous_id="phone", user_id="ana")
    told = [server("s", "09:30"), server("t", "09:40")]
    assert joined(*laptop, phone, *told) == {"s": "b", "t": "a"}


def test_a_page_that_a_server_tells_opens_a_session() -> None:
    page = event("p", "09:00", "page", anonymous_id=None, user_id="ana")
    assert sessions(page, server("s", "09:10")) == [("p", "first", 2)]


def test_a_servers_event_with_the_device_is_in_the_devices_session() -> None:
    visit = event("a", "09:00", "page")
    assert sessions(visit, event("s", "09:20", user_id="ana")) == [("a", "first", 2)]


def test_identify_group_and_alias_belong_to_no_session() -> None:
    lines = [event(type_, "09:00", type_) for type_ in ("identify", "group", "alias")]
    assert column(marts(*lines).events, "first_event_id") == [None, None, None]
    assert sessions(event("a", "09:00"), *lines, event("b", "09:40")) == [
        ("a", "first", 1),
        ("b", "timeout", 1),
    ]


def test_another_user_starts_a_session_and_silence_does_not() -> None:
    assert sessions(
        event("a", "09:00"),
        event("b", "09:01", user_id="ana"),
        event("c", "09:02"),
        event("e", "09:03", user_id="ana"),
        event("f", "09:04"),
        event("g", "09:05", user_id="ben"),
        event("h", "09:06"),
        event("i", "09:07", user_id="ana"),
    ) == [("a", "first", 5), ("g", "user_change", 2), ("i", "user_change", 1)]


def test_a_timeout_forgets_the_user_and_names_the_cut() -> None:
    assert sessions(
        event("a", "09:00", user_id="ana"),
        event("b", "10:00", user_id="ben"),
        event("c", "11:00"),
        event("e", "11:01", user_id="ana"),
    ) == [("a", "first", 1), ("b", "timeout", 1), ("c", "timeout", 2)]


def test_identical_times_are_ordered_by_event_id() -> None:
    lines = event("b", "09:00", user_id="ben"), event("a", "09:00", user_id="ana")
    assert sessions(*lines) == [("a", "first", 1), ("b", "user_change", 1)]


def half_hours(count: int, **fields: Any) -> list[Line]:
    """Events e000, e001, … from midnight on, half an hour apart."""
    return [
        event(
            f"e{n:03d}", f"2026-03-{2 + n // 48:02d}T{n % 48 // 2:02d}:{n % 2 * 30:02d}", **fields
        )
        for n in range(count)
    ]


def test_an_event_exactly_at_a_full_day_starts_the_next_session() -> None:
    assert sessions(*half_hours(98)) == [
        ("e000", "first", 48),
        ("e048", "max_duration", 48),
        ("e096", "max_duration", 2),
    ]
    just_before = event("e047x", "2026-03-02T23:59:59.999999")
    assert sessions(*half_hours(48), just_before) == [("e000", "first", 49)]


def test_the_full_day_counts_from_the_last_other_cut() -> None:
    lines = half_hours(60)
    lines[0] = {**lines[0], "user_id": "ana"}
    lines[10] = {**lines[10], "user_id": "ben"}
    assert sessions(*lines) == [
        ("e000", "first", 10),
        ("e010", "user_change", 48),
        ("e058", "max_duration", 2),
    ]


def test_a_session_counts_its_events() -> None:
    (row,) = marts(
        event("a", "09:00", "page", context={"userAgent": "BIGSPIDER"}),
        event("b", "09:10", "screen"),
        event("c", "09:20:00.5", user_id="ana"),
    ).sessions
    assert row["started_at"].isoformat() == "2026-03-02T09:00:00"
    assert row["ended_at"].isoformat() == "2026-03-02T09:20:00.500000"
    assert (row["duration_seconds"], row["event_count"], row["page_view_count"]) == (1200.5, 3, 2)
    assert (row["is_bounce"], row["is_bot"], row["user_id"]) == (False, True, "ana")


# Persons


def test_a_session_belongs_to_the_next_user_seen_on_its_device_else_the_last() -> None:
    assert persons(
        event("a", "09:00"),
        event("b", "10:00", "identify", user_id="ana"),
        event("c", "11:00"),
        event("e", "12:00", source_id="app", user_id="ben"),
        event("f", "13:00"),
        event("g", "14:00", anonymous_id="other"),
    ) == {"a": "ana", "b": "ana", "c": "ben", "e": "ben", "f": "ben", "g": "other"}


def test_a_sighting_at_the_very_start_of_a_session_counts_as_after_it() -> None:
    assert (
        persons(
            event("a", "09:00", "identify", user_id="ana"),
            event("b", "09:00"),
            event("c", "09:00", "identify", user_id="ben"),
        )["b"]
        == "ana"
    )


def test_the_session_is_resolved_at_its_start_not_at_each_event() -> None:
    resolved = persons(
        event("a", "09:00"),
        event("b", "09:10", "identify", user_id="ana"),
        event("c", "09:20"),
        event("e", "09:25", "group"),
        event("f", "09:30", "identify", user_id="ben"),
    )
    assert (resolved["a"], resolved["c"]) == ("ana", "ana")
    assert resolved["e"] == "ben"


def test_a_session_with_a_user_is_theirs_whoever_was_seen_on_the_device_first() -> None:
    resolved = persons(
        event("a", "09:00"),
        event("b", "09:05", "identify", user_id="ben"),
        event("c", "09:10", user_id="ana"),
    )
    assert resolved == {"a": "ana", "b": "ben", "c": "ana"}


def test_two_people_who_share_a_device_stay_two_people() -> None:
    resolved = persons(event("a", "09:00", user_id="ana"), event("b", "09:01", user_id="ben"))
    assert resolved == {"a": "ana", "b": "ben"}


@pytest.mark.parametrize("nobody", ["undefined", "Guest", ' "null" ', "\t", "0", "0" * 32])
def test_an_id_that_stands_for_nobody_is_no_id(nobody: str) -> None:
    on_no_device = event("e1", "09:00", anonymous_id=nobody, user_id="ana")
    on_the_same = event("e2", "09:10", anonymous_id=nobody, user_id="ben")
    by_no_user = event("e3", "09:20", anonymous_id="d", user_id=nobody)
    joining = [
        event("e4", "09:30", "alias", previous_id=nobody, user_id="ana", anonymous_id=None),
        event("e5", "09:40", "alias", previous_id=nobody, user_id="ben", anonymous_id=None),
    ]
    found = persons(on_no_device, on_the_same, by_no_user, *joining)
    assert found == {"e1": "ana", "e2": "ben", "e3": "d", "e4": "ana", "e5": "ben"}


def test_an_event_without_an_id_is_counted_and_nobodys() -> None:
    nobodys = event("e1", "09:00", anonymous_id="undefined", user_id="")
    answered = marts(nobodys, event("e2", "09:10"), funnels=steps(nobodys["event_name"]))
    assert column(answered.events, "person_id") == [None, "d"]
    assert column(answered.persons, "person_id") == ["d"]
    assert column(answered.sessions, "first_event_id") == ["e2"]
    assert column(answered.daily_actives, "events") == [1]
    assert column(answered.funnel_attempts, "person_id") == ["d"]


def test_an_alias_sees_its_user_on_the_device_it_names() -> None:
    assert persons(
        event("a", "09:00"),
        event("b", "10:00", "alias", anonymous_id=None, user_id="ana", previous_id="d"),
    ) == {"a": "ana", "b": "ana"}


def alias(event_id: str, at: str, previous_id: str | None, user_id: str | None) -> Line:
    device = None if user_id else "d"
    return event(
        event_id, at, "alias", anonymous_id=device, user_id=user_id, previous_id=previous_id
    )


def user(event_id: str, at: str, user_id: str) -> Line:
    return event(event_id, at, anonymous_id=None, user_id=user_id)


def test_aliases_join_users_whatever_their_order_and_the_first_seen_stands_for_them() -> None:
    lines = [
        alias("c", "11:00", "mid", "new"),
        alias("b", "12:00", "old", "mid"),
        alias("e", "13:00", "new", "old"),
        alias("f", "14:00", "old", "old"),
        user("g", "10:00", "mid"),
        user("h", "15:00", "old"),
        user("i", "09:00", "apart"),
    ]
    assert set(persons(*lines).values()) == {"mid", "apart"}
    assert persons(*lines)["i"] == "apart"
    assert persons(*lines) == persons(*reversed(lines))


def test_taking_the_alias_away_restores_the_split() -> None:
    lines = [user("a", "09:00", "old"), user("b", "10:00", "new")]
    assert persons(*lines, alias("c", "11:00", "old", "new"))["b"] == "old"
    assert persons(*lines)["b"] == "new"


def test_a_member_never_seen_as_a_user_does_not_stand_for_the_person() -> None:
    lines = [alias("a", "09:00", "aaa", "zoe"), alias("b", "10:00", "bbb", "yan")]
    assert persons(*lines, alias("c", "11:00", "aaa", "yan"))["b"] == "zoe"


@pytest.mark.parametrize("edge", [("old", None), (None, "new"), ("", "new")])
def test_an_alias_of_one_id_joins_nothing(edge: tuple[str | None, str | None]) -> None:
    lines = [user("a", "09:00", "old"), user("b", "10:00", "new"), alias("c", "11:00", *edge)]
    assert (persons(*lines)["a"], persons(*lines)["b"]) == ("old", "new")


def test_only_an_alias_joins() -> None:
    line = event("c", "11:00", "identify", user_id="new", previous_id="old")
    assert persons(user("a", "09:00", "old"), line) == {"a": "old", "c": "new"}


def test_a_device_without_a_user_is_not_led_through_aliases() -> None:
    lines = [user("a", "09:00", "ana"), event("b", "10:00")]
    named_like_the_device = alias("c", "11:00", "ana", "d")
    assert persons(*lines, named_like_the_device)["b"] == "d"


def test_a_user_found_on_the_device_is_led_through_aliases() -> None:
    lines = [user("a", "08:00", "old"), event("b", "09:00"), event("c", "09:30", user_id="new")]
    assert set(persons(*lines, alias("e", "11:00", "old", "new")).values()) == {"old"}


def test_a_person_is_summed_up_over_all_events() -> None:
    (row,) = marts(
        event("a", "09:00", "identify", user_id="ana", traits={"plan": "free", "name": "Ana"}),
        event("c", "11:00", "identify", user_id="ana", traits={"plan": "pro"}),
        event("b", "11:00", "identify", user_id="ana", traits={"plan": "team", "name": None}),
        event("e", "12:00", "group", user_id="ana", traits={"plan": "group"}),
        event("f", "13:00", user_id="ana", anonymous_id="phone"),
        event("g", "13:40", anonymous_id="phone", context={"userAgent": "bot"}),
    ).persons
    assert row["traits"] == {"plan": "pro", "name": None}
    assert (row["user_ids"], row["device_count"]) == (["ana"], 2)
    assert (row["session_count"], row["event_count"]) == (2, 6)
    assert (row["first_seen_at"].hour, row["last_seen_at"].hour) == (9, 13)


# Actives


def test_a_day_is_a_day_of_the_reporting_time_zone() -> None:
    lines = event("a", "2026-03-01T22:59:59.999999"), event("b", "2026-03-01T23:00")
    answered = marts(*lines, time_zone="Europe/Berlin")
    assert [str(day) for day in column(answered.person_days, "activity_date")] == [
        "2026-03-01",
        "2026-03-02",
    ]
    assert column(answered.person_days, "sessions") == [1, 0]
    assert [str(day) for day in column(answered.sessions, "session_date")] == ["2026-03-01"]


@pytest.mark.parametrize(
    ("received_at", "is_complete"),
    [("2026-03-29T21:59:59.999999", False), ("2026-03-29T22:00:00", True)],
)
def test_a_day_is_complete_once_data_reaches_its_end(received_at: str, is_complete: bool) -> None:
    line = event("a", "2026-03-29T10:00")
    duplicate = {**line, "received_at": received_at}
    # The day on which Berlin's clocks go forward ends at 22:00 UTC; it began at 23:00.
    (row,) = marts(line, duplicate, time_zone="Europe/Berlin").daily_actives
    assert row["is_complete"] is is_complete


def test_new_returning_and_resurrected_add_up_and_silence_has_its_row() -> None:
    answered = marts(
        event("a", "2026-03-02T09:00"),
        event("b", "2026-03-03T09:00"),
        event("c", "2026-03-05T09:00"),
        event("e", "2026-03-05T09:00", anonymous_id="other"),
    ).daily_actives
    kinds = ("daily_actives", "new_persons", "returning_persons", "resurrected_persons")
    assert [tuple(row[kind] for kind in (*kinds, "dormant_persons")) for row in answered] == [
        (1, 1, 0, 0, 0),
        (1, 0, 1, 0, 0),
        (0, 0, 0, 0, 1),
        (2, 1, 0, 1, 0),
    ]


def test_rolling_actives_are_distinct_over_7_and_30_days_the_day_included() -> None:
    lines = [event("a", "2026-03-01T09:00")]
    lines += [event(f"e{n}", f"2026-03-{n}T09:00", anonymous_id="daily") for n in range(10, 32)]
    rows = marts(*lines, event("z", "2026-03-07T09:00", anonymous_id="z")).daily_actives
    by_day = {str(row["activity_date"]): row for row in rows}
    assert by_day["2026-03-07"]["weekly_actives"] == 2
    assert by_day["2026-03-08"]["weekly_actives"] == 1
    assert by_day["2026-03-30"]["monthly_actives"] == 3
    assert by_day["2026-03-31"]["monthly_actives"] == 2
    assert by_day["2026-03-31"]["weekly_actives"] == 1


def test_bots_are_counted_apart_and_stretch_the_spine() -> None:
    answered = marts(
        event("a", "2026-03-02T09:00", context={"userAgent": "Googlebot"}),
        event("b", "2026-03-02T09:01", "page", context={"userAgent": "my-crawler"}),
        event("c", "2026-03-03T09:00"),
        event("e", "2026-03-03T09:00", "identify", context={"userAgent": "Googlebot"}),
        event("f", "2026-03-04T09:00", "identify", context={"userAgent": "Googlebot"}),
    ).daily_actives
    names = ("daily_actives", "bot_actives", "sessions", "events", "new_persons")
    assert [tuple(row[name] for name in names) for row in answered] == [
        (0, 1, 0, 0, 0),
        (1, 0, 1, 1, 1),
    ]


def test_a_humans_events_count_in_a_bots_session_but_the_session_does_not() -> None:
    answered = marts(event("a", "09:00", context={"userAgent": "bot"}), event("b", "09:01"))
    (row,) = answered.person_days
    assert (row["events"], row["sessions"], row["first_event_at"].minute) == (1, 0, 1)


def test_the_test_for_bots_can_be_given() -> None:
    answered = marts(event("a", "09:00"), is_bot=lambda line: line["event_id"] == "a")
    assert column(answered.events, "is_bot") == [True]


def test_a_cohorts_week_is_days_7n_to_7n_plus_6_after_its_first_day() -> None:
    answered = marts(
        event("a", "2026-03-02T09:00"),
        event("b", "2026-03-08T09:00"),
        event("c", "2026-03-16T00:00"),
        event("e", "2026-03-02T09:00", anonymous_id="other"),
        event("f", "2026-03-02T09:00", anonymous_id="bot", context={"userAgent": "bot"}),
    ).retention
    assert [tuple(row.values())[1:5] for row in answered] == [
        (0, 2, 2, True),
        (1, 2, 0, True),
        (2, 2, 1, False),
    ]


# Funnels


def test_every_step_lies_within_the_window_of_the_first_inclusive() -> None:
    funnel = steps("a", "b", "c")
    lines = event("1", "09:00", event_name="a"), event("2", "09:40", event_name="b")
    edge = event("9", "23:00")
    assert attempts(funnel, *lines, edge, event("3", "10:00", event_name="c")) == [
        ("09:00:00", 3, "converted", 3600)
    ]
    assert attempts(funnel, *lines, edge, event("3", "10:00:00.000001", event_name="c")) == [
        ("09:00:00", 2, "dropped", None)
    ]


@pytest.mark.parametrize(("edge", "state"), [("10:00", "open"), ("10:00:00.000001", "dropped")])
def test_an_attempt_is_open_while_its_window_is_not_before_the_edge(edge: str, state: str) -> None:
    line = event("1", "09:00", event_name="a")
    assert attempts(steps("a", "b"), line, {**line, "received_at": f"2026-03-02T{edge}"}) == [
        ("09:00:00", 1, state, None)
    ]


def test_one_event_never_fills_two_steps() -> None:
    funnel = steps("a", "a")
    one, two = event("1", "09:00", event_name="a"), event("2", "09:00", event_name="a")
    edge = event("z", "23:00")
    assert attempts(funnel, one, edge) == [("09:00:00", 1, "dropped", None)]
    assert attempts(funnel, one, two, edge) == [("09:00:00", 2, "converted", 0)]


def test_at_one_moment_the_lower_step_comes_first_whatever_its_id() -> None:
    c = event("1", "09:00", event_name="c")
    b = event("2", "09:00", event_name="b")
    a = event("3", "09:00", event_name="a")
    assert attempts(steps("a", "b", "c"), a, b, c) == [("09:00:00", 3, "converted", 0)]
    # What fills either step stands after what fills only the first.
    assert attempts(steps("a|c", "c"), a, c) == [("09:00:00", 2, "converted", 0)]
    # The lowest step it fills decides before the highest.
    assert attempts(steps("c", "b", "c"), b, c) == [("09:00:00", 2, "open", None)]


@pytest.mark.parametrize(("only_ends", "every_step", "depth"), [("1", "2", 2), ("2", "1", 1)])
def test_between_events_that_reach_as_far_the_event_id_decides(
    only_ends: str, every_step: str, depth: int
) -> None:
    a = event(only_ends, "09:00", event_name="a")
    b = event(every_step, "09:00", event_name="b")
    assert attempts(steps("a|b", "b", "a|b"), a, b) == [("09:00:00", depth, "open", None)]


def test_the_best_attempt_of_a_day_is_the_deepest_then_the_fastest_then_the_earliest() -> None:
    lines = [
        event("1", "09:00", event_name="a"),
        event("2", "10:30", event_name="a"),
        event("3", "11:00", event_name="b"),
        event("4", "12:00", event_name="a"),
        event("5", "12:10", event_name="b"),
        event("6", "13:30", event_name="a"),
        event("7", "13:40", event_name="b"),
        event("8", "2026-03-03T09:00", event_name="a"),
        event("9", "2026-03-03T10:00", event_name="a"),
        event("z", "2026-03-05T09:00"),
    ]
    assert attempts(steps("a", "b"), *lines) == [
        ("12:00:00", 2, "converted", 600),
        ("09:00:00", 1, "dropped", None),
    ]
    assert attempts(steps("a", "b", "c"), *lines) == [
        ("12:00:00", 2, "dropped", None),
        ("09:00:00", 1, "dropped", None),
    ]


def test_a_funnel_follows_the_person_over_devices_sources_and_types_without_bots() -> None:
    lines = [
        event("1", "09:00", event_name="a", user_id="ana"),
        event("2", "09:01", event_name="b", user_id="ana", context={"userAgent": "bot"}),
        event("3", "09:05", "identify", source_id="app", user_id="ana", anonymous_id="phone"),
        event("4", "09:10", source_id="app", event_name="b", anonymous_id="phone"),
    ]
    assert attempts(steps("a", "identify", "b"), *lines) == [("09:00:00", 3, "converted", 600)]


@pytest.mark.parametrize(
    ("value", "wanted", "matches"),
    [
        ("annual", "annual", True),
        ("annual", "Annual", False),
        (1, "1", True),
        ("1", "1", True),
        (2.5, "2.5", True),
        (True, "true", True),
        (True, "1", False),
        (None, "null", False),
        (["annual"], '["annual"]', False),
    ],
)
def test_a_property_is_compared_as_the_text_of_its_scalar(
    value: object, wanted: str, matches: bool
) -> None:
    line = event("1", "09:00", event_name="a", properties={"plan": value})
    assert bool(attempts(steps("a", plan=wanted), line)) is matches


def test_a_missing_property_matches_no_value() -> None:
    line = event("1", "09:00", event_name="a", properties=None)
    assert attempts(steps("a", plan="annual"), line) == []


@pytest.mark.parametrize("unfilled", ["property_name", "property_value"])
def test_a_condition_half_filled_is_none(unfilled: str) -> None:
    (step,) = steps("a", plan="annual")
    line = event("1", "09:00", event_name="a")
    assert attempts([{**step, unfilled: ""}], line) == [("09:00:00", 1, "converted", 0)]


def test_steps_of_a_day_count_persons_and_the_mature_among_them() -> None:
    lines = [
        event("1", "09:00", event_name="a", anonymous_id="p"),
        event("2", "09:10", event_name="b", anonymous_id="p"),
        event("3", "09:00", event_name="a", anonymous_id="q"),
        event("4", "09:01", event_name="b", anonymous_id="q"),
        event("5", "09:02", event_name="c", anonymous_id="q"),
        event("6", "09:45", event_name="a", anonymous_id="r"),
        event("7", "10:30", event_name="b", anonymous_id="r"),
        event("8", "08:00", event_name="a", anonymous_id="s"),
        event("9", "10:00", event_name="a", anonymous_id="t"),
        event("a", "10:11", event_name="b", anonymous_id="t"),
        event("b", "10:12", event_name="c", anonymous_id="t"),
    ]
    rows = marts(*lines, funnels=steps("a", "b", "c")).funnel_steps
    # When the data ends r may still convert and t has, within their hour; the rest had theirs.
    assert [tuple(row.values())[2:] for row in rows] == [
        (1, "step 1", 5, 3, 3, None),
        (2, "step 2", 4, 2, 3, 630),
        (3, "step 3", 2, 1, 3, 60),
    ]


def test_the_median_of_two_waits_is_their_mean() -> None:
    lines = [
        event("1", "09:00", event_name="a", anonymous_id="p"),
        event("2", "09:10", event_name="b", anonymous_id="p"),
        event("3", "09:00", event_name="a", anonymous_id="q"),
        event("4", "09:01", event_name="b", anonymous_id="q"),
    ]
    rows = marts(*lines, funnels=steps("a", "b")).funnel_steps
    assert column(rows, "median_seconds_from_previous_step") == [None, 330]
