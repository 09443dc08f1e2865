"""Rules for the content of the seeds: funnels, the tracking plan and lists. Does no I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from difflib import get_close_matches
from itertools import groupby, pairwise
from typing import Final

from transformation.event_grammar import (
    TRAIT,
    Condition,
    EventMeant,
    as_written,
    quoted,
    read_step,
    written,
)
from transformation.seed_files import Mistake, Row

#: Seed → its columns, in the order of a suggested header.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "funnel_steps": (
        *("funnel_name", "step_number", "step_name", "event_name"),
        *("property_name", "property_value", "window_hours"),
    ),
    "tracking_plan": ("event_name", "description"),
    "passive_events": ("event_name", "reason"),
    "key_events": ("event_name", "reason"),
    "revenue_events": (
        "event_name",
        "kind",
        "amount_property",
        "other_amount_property",
        "currency_property",
        "default_currency",
        "order_id_property",
    ),
    "currencies": ("currency",),
    "exchange_rates": ("from_currency", "to_currency", "valid_from", "rate"),
    "source_totals": ("source_id", "activity_date", "metric", "event_name", "total"),
    "ignored_referrers": ("host", "reason"),
    "traffic_sources": ("domain", "name", "kind", "source", "stated_on"),
    "page_groups": ("page_group",),
    "concluding_words": ("words", "record_instead"),
}
#: What a source of traffic may be. The channels follow from it.
TRAFFIC_KINDS: Final = (
    "search",
    "ai_assistant",
    "social",
    "video",
    "shopping",
    "email",
    "referral",
)
#: What an event of money may tell of.
REVENUE_KINDS: Final = ("order", "refund")
#: What another tool may have counted.
TOTALS: Final = ("events", "page_views", "visits", "visitors")
#: A step with more events than this should be one event of its own.
MAX_ALTERNATIVES: Final = 10
#: A century. A longer window is a typing mistake; timestamps end thousands of centuries later.
MAX_WINDOW_HOURS: Final = 24 * 36_525
MIN_WINDOW_HOURS: Final = 1 / 60
#: Events that the collector or a client names itself. They need not be in the plan.
BUILT_IN: Final = frozenset(
    {"page_view", "screen_view", "identify", "group", "alias", "footfall_events_dropped"}
)


def judge(seed: str, rows: Sequence[Row]) -> list[Mistake]:
    """All mistakes in the rows of this seed."""
    if seed == "funnel_steps":
        return [mistake for row in rows for mistake in _judge_step(row)] + _judge_order(rows)
    name = COLUMNS[seed][0]
    if seed == "revenue_events":
        return [mistake for row in rows for mistake in _judge_revenue(row)] + _repeated(rows, name)
    if seed == "exchange_rates":
        return [mistake for row in rows for mistake in _judge_rate(row)] + _repeated(
            rows, "from_currency", "to_currency", "valid_from"
        )
    if seed == "source_totals":
        return [mistake for row in rows for mistake in _judge_total(row)] + _repeated(
            rows, "source_id", "activity_date", "metric", "event_name"
        )
    return [mistake for row in rows for mistake in _judge_name(row, name)] + _repeated(rows, name)


def event_names(step: Row) -> list[str]:
    """The names of a step's alternatives, as the models read them; * has none."""
    named = (meant.event_name for meant in read_step(step["event_name"]))
    return [name for name in named if name is not None]


def outdated(steps: Sequence[Row]) -> list[Mistake]:
    """Steps whose condition is in separate columns, each with what to write instead.

    Also steps in which a value may have been meant to contain a comma.
    """
    return [
        Mistake(
            step.line,
            f"{_place(step)}the columns property_name and property_value are an older way to write "
            f"a condition; leave both empty, and write event_name as {_with_condition(step)}",
        )
        for step in steps
        if step["property_name"] and step["property_value"] and read_step(step["event_name"])
    ] + [
        Mistake(step.line, _place(step) + text)
        for step in steps
        for meant in read_step(step["event_name"])
        for text in doubts(meant)
    ]


def doubts(meant: EventMeant) -> Iterator[str]:
    """Warnings for text after the comma of a value: older versions read it as part of the value."""
    for place, (one, other) in enumerate(pairwise(meant.conditions)):
        if one.operator in ("=", "!=") and other.operator == "exists":
            whole = Condition(one.path, one.operator, (f"{one.values[0]}, {other.path}",))
            before, behind = meant.conditions[:place], meant.conditions[place + 2 :]
            value = replace(meant, conditions=(*before, whole, *behind))
            first = replace(meant, conditions=(*before, other, one, *behind))
            yield (
                f"{other.path} behind the comma is a condition of its own: the event has it; if "
                f"it is a part of the value, write {written(value)}, else write {written(first)}"
            )


def _with_condition(step: Row) -> str:
    """The step's alternatives. Those without a condition get the one of the columns."""
    own = (Condition(step["property_name"], "=", (step["property_value"],)),)
    return "|".join(
        written(replace(each, conditions=each.conditions or own))
        for each in read_step(step["event_name"])
    )


def judge_events(steps: Sequence[Row], known: Collection[str]) -> list[Mistake]:
    """Steps that name an event that is neither planned nor sent."""
    return [
        Mistake(step.line, _place(step) + what_to_send(name, known))
        for step in steps
        for name in event_names(step)
        if name and name not in known and name not in BUILT_IN
    ]


def judge_conditions(meant: EventMeant) -> Iterator[str]:
    """Conditions that cannot apply to an event."""
    for condition in meant.conditions:
        if condition.path.startswith(TRAIT):
            yield (
                f"{condition.path} is of a person, and a condition asks what the event has; send "
                "the trait as a property of the event, or remove the condition"
            )


def what_to_send(name: str, known: Collection[str]) -> str:
    """What is wrong with the name of an event that is not known, and what to write instead."""
    if re.search(r"\S\s*\[.*[=<>,].*\]$", name, re.DOTALL):
        return (
            f"nobody has ever sent an event called {name}, nor can it be read as an event with "
            "conditions; write event[property=value] or event[property in (a, b)], with a comma "
            'between conditions, and in double quotes what holds one of | [ ] , = < > "'
        )
    if begun := [each for each in sorted(known) if each.startswith(f"{name}[")]:
        return f"nobody has ever sent {name}, nor is it planned; write {quoted(begun[0])}"
    by_lower_case = {name.lower(): name for name in sorted(known)}
    near = get_close_matches(name.lower(), by_lower_case, n=1)
    write = f"write {as_written(by_lower_case[near[0]])}" if near else "write the name that is sent"
    return (
        f"nobody has ever sent {name}, nor is it planned; {write}, or add {as_written(name)} to "
        "seeds/tracking_plan.csv"
    )


def _place(step: Row) -> str:
    return f"funnel {step['funnel_name'] or '(no name)'}, step {step['step_number'] or '?'}: "


def _judge_step(step: Row) -> Iterator[Mistake]:
    def mistake(text: str) -> Mistake:
        return Mistake(step.line, _place(step) + text)

    alternatives = read_step(step["event_name"])
    number, hours = step["step_number"], step["window_hours"]
    if not step["funnel_name"]:
        yield mistake("a funnel needs a name; write the same funnel_name on all its steps")
    if _number(number) is None:
        yield mistake(f"{number or 'nothing'} is no step_number; write 1, 2, 3 …")
    if not alternatives:
        yield mistake(
            f"{step['event_name'] or 'an empty cell'} names no event; write event_name as "
            "one_event or as first_event|second_event, and in double quotes a name that holds one "
            'of | [ ] "'
        )
    if len(alternatives) > MAX_ALTERNATIVES:
        yield mistake(
            f"it lists {len(alternatives)} events; write at most {MAX_ALTERNATIVES}, or track one "
            "event that means the step"
        )
    for meant in alternatives:
        yield from map(mistake, judge_conditions(meant))
    if (step["property_name"] == "") != (step["property_value"] == ""):
        yield mistake(
            "half a condition is no condition; write both property_name and property_value, or "
            "neither"
        )
    if re.fullmatch(r"-.*|[0.,]+m?", hours):
        yield mistake(
            f"nothing happens within {hours} hours; write a window_hours from 1m to "
            f"{MAX_WINDOW_HOURS}, as 24 for a day"
        )
    elif _hours(hours) is None:
        example = hours.replace(",", ".")
        example = example if _hours(example) else "24 for a day, 30m for half an hour"
        yield mistake(f"{hours or 'nothing'} is no number of hours; write {example}")
    elif (_hours(hours) or 0) > MAX_WINDOW_HOURS:
        yield mistake(f"{hours} hours are over a century; write at most {MAX_WINDOW_HOURS}")
    elif (_hours(hours) or 0) < MIN_WINDOW_HOURS:
        yield mistake(f"{hours} hours are under a minute; write at least 1m")


def _judge_order(steps: Sequence[Row]) -> list[Mistake]:
    """Each funnel must have steps from 1 without gaps, one row per step, and one window."""
    mistakes = []
    ordered = sorted(steps, key=lambda step: step["funnel_name"])
    for _, group in groupby(ordered, key=lambda step: step["funnel_name"]):
        funnel = list(group)
        numbered = [(number, step) for step in funnel if (number := _number(step["step_number"]))]
        numbers = sorted({number for number, _ in numbered})
        first_lines: dict[int, int] = {}
        for number, step in numbered:
            if number in first_lines:
                text = (
                    f"it stands in line {first_lines[number]} already; write one row, with "
                    "alternatives in its event_name as first_event|second_event"
                )
                mistakes.append(Mistake(step.line, _place(step) + text))
                continue
            first_lines[number] = step.line
            expected = numbers.index(number) + 1
            if number != expected:
                text = f"steps are numbered 1, 2, 3 without gaps; write step_number {expected}"
                mistakes.append(Mistake(step.line, _place(step) + text))
        timed = [step for step in funnel if _hours(step["window_hours"])]
        mistakes += [
            Mistake(
                step.line,
                f"{_place(step)}a funnel has one window; write window_hours "
                f"{timed[0]['window_hours']} as in line {timed[0].line}, instead of "
                f"{step['window_hours']}",
            )
            for step in timed
            if _hours(step["window_hours"]) != _hours(timed[0]["window_hours"])
        ]
    return mistakes


def _judge_name(row: Row, column: str) -> Iterator[Mistake]:
    if not row[column]:
        yield Mistake(row.line, f"{column} is missing; write it, or remove the line")
    if column in ("host", "domain") and not re.fullmatch(
        r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", row[column]
    ):
        yield Mistake(row.line, f"{row[column]}: write a host alone, as pay.example")
    if column == "domain" and row["kind"] not in TRAFFIC_KINDS:
        known = ", ".join(TRAFFIC_KINDS)
        yield Mistake(row.line, f"{row['kind'] or 'nothing'} is no kind; write one of {known}")
    if row[column].lower() == "null":
        yield Mistake(row.line, f"dbt reads {row[column]} as an empty cell; remove the line")
    if column == "page_group" and not re.fullmatch(r"(/[^/*?#]*)+(/\*)?|/\*", row[column]):
        yield Mistake(
            row.line,
            f"{row[column]}: write a path, as /users/:id for one part of any name, or /docs/* for "
            "all below",
        )
    if column == "words" and not re.fullmatch(r"[^\W_]+(_[^\W_]+)*", row[column].lower()):
        yield Mistake(row.line, f"{row[column]}: write words with one _ between them")
    if column == "words" and row[column] != row[column].lower():
        yield Mistake(row.line, f"{row[column]}: write {row[column].lower()}")


def _judge_revenue(row: Row) -> Iterator[Mistake]:
    yield from _judge_name(row, "event_name")
    if row["kind"] not in REVENUE_KINDS:
        known = " or ".join(REVENUE_KINDS)
        yield Mistake(row.line, f"{row['kind'] or 'nothing'} is no kind; write {known}")
    if not row["amount_property"]:
        yield Mistake(row.line, "amount_property is missing; write the name that is sent")
    currency = row["default_currency"]
    if not currency and not row["currency_property"]:
        yield Mistake(
            row.line, "no currency; write currency_property, or default_currency if none is sent"
        )
    if currency and not re.fullmatch("[A-Z]{3}", currency):
        yield Mistake(
            row.line, f"{currency}: write three capital letters, as EUR, or leave it empty"
        )


def _judge_rate(row: Row) -> Iterator[Mistake]:
    for column in ("from_currency", "to_currency"):
        if not re.fullmatch("[A-Z]{3}", row[column]):
            yield Mistake(row.line, f"{column} {row[column]}: write three capital letters, as EUR")
    if row["from_currency"] == row["to_currency"]:
        yield Mistake(row.line, "a currency needs no rate to itself; remove the line")
    if not _is_day(row["valid_from"]):
        yield Mistake(
            row.line, f"valid_from {row['valid_from']}: write the first day, as 2026-03-01"
        )
    if not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", row["rate"]) or not float(row["rate"]):
        yield Mistake(
            row.line, f"rate {row['rate']}: write a number above 0 with a point, as 1.0832"
        )


def _judge_total(row: Row) -> Iterator[Mistake]:
    yield from _judge_name(row, "source_id")
    if not _is_day(row["activity_date"]):
        yield Mistake(row.line, f"activity_date {row['activity_date']}: write a day, as 2026-03-01")
    if row["metric"] not in TOTALS:
        known = ", ".join(TOTALS)
        yield Mistake(row.line, f"{row['metric'] or 'nothing'} is no metric; write one of {known}")
    elif row["event_name"] and row["metric"] != "events":
        yield Mistake(row.line, f"{row['metric']} are of no event; leave event_name empty")
    if not re.fullmatch("[0-9]{1,18}", row["total"]):
        yield Mistake(row.line, f"total {row['total']}: write a whole number, as 1832")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    # 20260301 and 2026-W09-7 are days to Python, and none to DuckDB.
    return len(text) == len("2026-03-01") and "W" not in text


def _repeated(rows: Sequence[Row], *columns: str) -> list[Mistake]:
    first_lines: dict[str, int] = {}
    return [
        Mistake(row.line, f"{key} stands in line {first} already; remove one of the two")
        for row in rows
        if (key := " ".join(row[column] for column in columns).strip())
        and (first := first_lines.setdefault(key, row.line)) != row.line
    ]


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,3}", text) else None


def _hours(text: str) -> float | None:
    """Hours, or minutes followed by m, as hours; None if the text is neither."""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?m?", text):
        return None
    number = float(text.removesuffix("m"))
    return number / 60 if text.endswith("m") else number
