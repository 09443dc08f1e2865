"""Orders and refunds: what each event told, which of them count, and what a period sold."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.events import Event
from tests.oracle.facts import Facts

#: Event → kind, names of the amount, name of the currency, its default, name of the order's id.
DEFINITIONS: Mapping[str, tuple[str, list[str], str, str | None, str]] = {
    "Order Completed": ("order", ["revenue", "total"], "currency", "USD", "order_id"),
    "Order Refunded": ("refund", ["total", "revenue"], "currency", "USD", "order_id"),
    "purchase": ("order", ["value"], "currency", None, "transaction_id"),
    "refund": ("refund", ["value"], "currency", None, "transaction_id"),
}
CURRENCIES = {"USD", "EUR", "JPY"}
NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Told:
    """What an event told; ``order`` is its total order."""

    event: Event
    person: str | None
    kind: str
    order_id: str
    has_order_id: bool
    amount: Decimal | None
    currency: str | None
    told_amount: str | None
    told_currency: str | None
    problem: str | None
    is_duplicate: bool = False

    @property
    def is_counted(self) -> bool:
        return self.problem is None and not self.is_duplicate


def told(facts: Facts) -> list[Told]:
    """Every event of DEFINITIONS, in total order."""
    found = [
        _read(event, facts.people.person_of(event))
        for event in sorted(facts.events, key=lambda each: each.order)
        if event.event_name in DEFINITIONS
    ]
    first: dict[str, Told] = {}
    for each in found:
        if each.kind == "order" and each.problem is None:
            first.setdefault(each.order_id, each)
    return [_resolved(each, first) for each in found]


def _resolved(each: Told, first: Mapping[str, Told]) -> Told:
    if each.problem:
        return each
    if each.kind == "order":
        return replace(each, is_duplicate=first[each.order_id] is not each)
    if each.told_amount is None:
        order = first.get(each.order_id)
        if order is None:
            return replace(each, problem="order_missing", amount=None, currency=None)
        return replace(each, amount=order.amount, currency=order.currency)
    return each


def _text(event: Event, names: Iterable[str]) -> str | None:
    for name in names:
        value = event.properties.get(name)
        if value is not None and not isinstance(value, (dict, list)):
            return value if isinstance(value, str) else json.dumps(value)
    return None


def _read(event: Event, person: str | None) -> Told:
    kind, amounts, currency_name, default, id_name = DEFINITIONS[event.event_name]
    order_id = (_text(event, [id_name]) or "").strip(" ")
    told_amount = _text(event, amounts)
    told_currency = (_text(event, [currency_name]) or "").strip(" ").upper() or default
    amount = None
    if told_amount is not None and NUMBER.fullmatch(told_amount):
        amount = Decimal(told_amount.strip())
    if amount is not None and abs(amount) >= 10**16:
        amount = None
    problem = None
    if event.is_bot:
        problem = "bot"
    elif kind == "refund" and told_amount is None:
        problem = None if order_id else "order_id_missing"
    elif told_amount is None:
        problem = "amount_missing"
    elif amount is None:
        problem = "amount_unreadable"
    elif amount < 0 and kind == "order":
        problem = "amount_negative"
    elif told_currency is None:
        problem = "currency_missing"
    elif told_currency not in CURRENCIES:
        problem = "currency_unknown"
    counts = problem is None and amount is not None
    return Told(
        event=event,
        person=person,
        kind=kind,
        order_id=order_id or event.event_id,
        has_order_id=bool(order_id),
        amount=abs(amount) if counts and amount is not None else None,
        currency=told_currency if counts else None,
        told_amount=told_amount,
        told_currency=told_currency,
        problem=problem,
    )


def event_rows(found: list[Told]) -> list[dict[str, Any]]:
    """fct_revenue_events, without its days and sessions."""
    return [
        {
            "event_id": each.event.event_id,
            "kind": each.kind,
            "order_id": each.order_id,
            "has_order_id": each.has_order_id,
            "person_id": each.person,
            "amount": each.amount,
            "currency": each.currency,
            "told_amount": each.told_amount,
            "told_currency": each.told_currency,
            "problem": each.problem,
            "is_duplicate": each.is_duplicate,
            "is_counted": each.is_counted,
        }
        for each in found
    ]


def order_rows(found: list[Told]) -> list[dict[str, Any]]:
    """fct_orders."""
    rows = []
    numbers: dict[str, int] = defaultdict(int)
    for order in (each for each in found if each.kind == "order" and each.is_counted):
        good = [each for each in found if each.problem is None and each.order_id == order.order_id]
        tellings = [each for each in good if each.kind == "order"]
        refunds = [each for each in good if each.kind == "refund"]
        refunded = sum(
            (each.amount for each in refunds if each.amount and each.currency == order.currency),
            start=Decimal(0),
        )
        assert order.amount is not None
        if order.person is not None:
            numbers[order.person] += 1
        rows.append(
            {
                "order_id": order.order_id,
                "event_id": order.event.event_id,
                "person_id": order.person,
                "ordered_at": order.event.occurred_at,
                "currency": order.currency,
                "amount": order.amount,
                "refunded_amount": refunded,
                "net_amount": order.amount - refunded,
                "refund_count": len(refunds),
                "first_refunded_at": min(
                    (each.event.occurred_at for each in refunds), default=None
                ),
                "duplicate_count": len(tellings) - 1,
                "person_count": len({each.person for each in tellings} - {None}),
                "has_other_amount": len({each.amount for each in tellings}) > 1
                or len({each.currency for each in tellings}) > 1,
                "person_order_number": numbers[order.person] if order.person else None,
            }
        )
    return rows


def revenue_of_days(facts: Facts, source: str | None = None) -> dict[tuple[date, Any], list[Any]]:
    """Day and currency → orders, buyers, gross, refunds, refunded; those that are not zero."""
    days: dict[tuple[date, Any], list[Told]] = defaultdict(list)
    for each in told(facts):
        if each.is_counted and source in (None, each.event.source_id):
            days[facts.calendar.day_of(each.event.occurred_at), each.currency].append(each)
    return {
        place: [
            sum(each.kind == "order" for each in some),
            len({each.person for each in some if each.kind == "order"} - {None}),
            sum((each.amount or 0 for each in some if each.kind == "order"), start=Decimal(0)),
            sum(each.kind == "refund" for each in some),
            sum((each.amount or 0 for each in some if each.kind == "refund"), start=Decimal(0)),
        ]
        for place, some in days.items()
    }


def lines_of_money(pick: Any, count: int) -> list[dict[str, Any]]:
    """Lines that tell of orders and refunds, many of them in a way that cannot be counted."""
    begun = datetime(2026, 3, 1, 22)
    lines = []
    for number in range(count):
        name = pick(["Order Completed", "Order Completed", "purchase", "Order Refunded", "refund"])
        _, amounts, currency, _, order_id = DEFINITIONS[name]
        at = (begun + timedelta(minutes=pick(range(300)))).isoformat() + "Z"
        told = {
            pick([*amounts, *amounts, "price"]): pick(
                [1, 2.5, "3.10", "12,50", -4, "1e2", True, None, 10**15, "99999999999999999", {}]
            ),
            currency: pick(["EUR", "eur", "USD", " JPY", "", "XYZ", None, 3]),
            order_id: pick(["o1", "o2", "o3", " o1 ", 7, "", None, ["o1"]]),
        }
        lines.append(
            {
                "event_id": f"m{number:03}",
                "type": "track",
                "event_name": name,
                "source_id": pick(["web", "app"]),
                "anonymous_id": pick(["d1", "d2", None]),
                "user_id": pick([None, None, "u1", "u2"]),
                "original_timestamp": at,
                "received_at": at,
                "properties": {key: value for key, value in told.items() if pick([1, 1, 1, 0])},
                "context": pick([{}, {}, {}, {"userAgent": "Googlebot/2.1"}]),
            }
        )
    return lines
