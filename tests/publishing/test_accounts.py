"""actor := 'account' counts accounts as the oracle does, and answers are broken down by account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pytest

from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.accounts import AccountsAsPeople
from tests.oracle.breakdowns import Filter
from tests.oracle.events import File
from tests.oracle.facts import Facts
from tests.oracle.funnels import Funnel, read_funnels
from tests.oracle.lifecycles import lifecycle
from tests.oracle.questions import actives, funnel, funnel_persons, retention
from tests.publishing.asking import Rows, asked, compare, line, meaning

Answer = Callable[..., Rows]
STEPS = ("page_view|sign_up", "purchase|invite_sent")


def of_accounts(facts: Facts) -> Facts:
    """The same facts with accounts in the place of persons."""
    return facts._replace(people=AccountsAsPeople(facts.events, facts.people))


def defined(*steps: str) -> Funnel:
    rows: list[Mapping[str, Any]] = [
        {
            "funnel_name": "asked",
            "step_number": str(number),
            "step_name": step,
            "event_name": step,
            "property_name": "",
            "property_value": "",
            "window_hours": "48",
        }
        for number, step in enumerate(steps, 1)
    ]
    return read_funnels(rows)[0]


@pytest.mark.parametrize(
    ("question", "answer", "by", "filters"),
    [
        ("actives(", actives, "source_id", []),
        ("actives(", actives, "account.name", []),
        ("actives(", actives, None, [("account_name", "=", "a")]),
        ("retention(", lambda f, **o: retention(f, meaning(None), meaning(None), **o), None, []),
        (
            "retention(first_action := 'page_view|sign_up', ",
            lambda f, **o: retention(f, meaning("page_view|sign_up"), meaning(None), **o),
            "account",
            [("source_id", "!=", "app")],
        ),
        ("lifecycle(", lambda f, **o: lifecycle(f, meaning(None), **o), "property.plan", []),
        ("lifecycle(", lambda f, **o: lifecycle(f, meaning(None), **o), None, []),
    ],
)
def test_accounts_are_counted_as_the_oracle_counts_them(
    told: list[tuple[MemoryWarehouse, Facts]],
    question: str,
    answer: Answer,
    by: str | None,
    filters: list[Filter],
) -> None:
    means = {"means": meaning(None)} if answer is actives else {}
    compare(
        told,
        f"from {question}actor := 'account'{{options}})",
        by,
        filters,
        lambda facts: answer(of_accounts(facts), by=by, filters=filters, **means),
    )


@pytest.mark.parametrize(
    ("options", "by", "filters"),
    [
        ({}, None, []),
        ({"per": "day"}, "account", []),
        ({"attribution": "last"}, "account_name", [("source_id", "!=", "app")]),
        ({"ordering": "strict"}, "source_id", []),
        ({"constant": "source_id"}, None, []),
    ],
)
def test_a_funnel_of_accounts_is_what_the_oracle_counts(
    told: list[tuple[MemoryWarehouse, Facts]],
    options: dict[str, Any],
    by: str | None,
    filters: list[Filter],
) -> None:
    named = "".join(f", {name} := '{value}'" for name, value in options.items())
    compare(
        told,
        "select * exclude (step_name) from "
        f"funnel({list(STEPS)}, within := interval 48 hour, actor := 'account'{named}{{options}})",
        by,
        filters,
        lambda facts: funnel(
            of_accounts(facts), defined(*STEPS), by=by, filters=filters, **options
        ),
    )


def test_funnel_persons_lists_the_accounts_and_funnels_of_persons_know_them(
    told: list[tuple[MemoryWarehouse, Facts]],
) -> None:
    compare(
        told,
        "select * exclude (person_id, session_id, account_id), account_id as person_id from "
        f"funnel_persons({list(STEPS)}, within := interval 48 hour, actor := 'account'{{options}})",
        None,
        [],
        lambda facts: funnel_persons(of_accounts(facts), defined(*STEPS)),
    )
    compare(
        told,
        "select * exclude (step_name) from "
        f"funnel({list(STEPS)}, within := interval 48 hour{{options}})",
        "account",
        [],
        lambda facts: funnel(facts, defined(*STEPS), by="account"),
    )


@pytest.fixture(scope="module")
def two(compiled: CompiledModels) -> MemoryWarehouse:
    """Two people of one account and one of none; one of the two is told of it late."""
    money = {"revenue": 10, "currency": "EUR", "order_id": 1}
    events: list[dict[str, Any]] = [
        {"user_id": "ana", "event_name": "looked", "properties": {"seats": 2}},
        {"user_id": "ben", "event_name": "looked", "context": {"groupId": "acme"}},
        {"user_id": "cy", "event_name": "looked"},
        {"user_id": "ana", "type": "group", "event_name": "group", "group_id": "acme"},
        {"user_id": "ben", "event_name": "bought"},
        {"user_id": "ben", "event_name": "Order Completed", "properties": money},
    ]
    lines = [line(number, **event) for number, event in enumerate(events)]
    return asked(loaded(compiled, [[File("two.ndjson", lines)]]))


def test_what_one_member_begins_another_ends(two: MemoryWarehouse) -> None:
    steps = "['looked[seats]', 'bought']"
    rows = two.rows(f"select persons from funnel({steps}, actor := 'account')")
    assert [row["persons"] for row in rows] == [1, 1]
    rows = two.rows(f"select persons from funnel({steps})")
    assert [row["persons"] for row in rows] == [1, 0]
    rows = two.rows(
        f"select persons from funnel({steps}, actor := 'account', exclude := ['group'])"
    )
    assert [row["persons"] for row in rows] == [1, 0]


def test_events_of_no_account_are_left_out(two: MemoryWarehouse) -> None:
    (row,) = two.rows("select events, persons from trend('looked', actor := 'account')")
    assert row == {"events": 2, "persons": 1}
    (row,) = two.rows("select orders, buyers from revenue(actor := 'account')")
    assert row == {"orders": 1, "buyers": 1}
    rows = two.rows("select breakdown_value, persons from trend('looked', by := 'account')")
    assert rows == [
        {"breakdown_value": "acme", "persons": 2},
        {"breakdown_value": None, "persons": 1},
    ]


@pytest.mark.parametrize(
    ("question", "advice"),
    [
        ("actives(actor := 'accounts')", "actor is 'person' or 'account'"),
        ("trend(null, actor := null)", "actor is 'person' or 'account'"),
        ("funnel(['looked'], per := 'session', actor := 'account')", "write per := 'period'"),
        ("actives(by := 'account.plan')", "no account has a text or number in account.plan"),
        ("actives(by := 'account.')", "no dimension is called account"),
    ],
)
def test_a_mistake_about_accounts_says_what_to_write(
    two: MemoryWarehouse, question: str, advice: str
) -> None:
    with pytest.raises(duckdb.Error, match=advice):
        two.rows(f"from {question}")


@pytest.mark.parametrize("question", ["actives", "lifecycle", "retention", "revenue"])
def test_where_no_event_names_an_account_the_question_says_how_events_name_one(
    compiled: CompiledModels, question: str
) -> None:
    nobody = asked(loaded(compiled, [[File("one.ndjson", [line(1, event_name="looked")])]]))
    with pytest.raises(duckdb.Error, match=r"no event names an account; docs/metrics\.md"):
        nobody.rows(f"from {question}(actor := 'account')")
