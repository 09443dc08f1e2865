"""Experiments: who saw which variant first, and what each did around that moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.events import Event
from tests.oracle.facts import Facts
from tests.oracle.funnels import inside, scalar_text
from tests.oracle.revenue import Told, told
from tests.oracle.trials import matches

DAY = timedelta(days=1)
#: Event → the properties with the key and the variant, as PostHog, GrowthBook and Amplitude send.
PRESETS = (
    ("$feature_flag_called", "$feature_flag", "$feature_flag_response"),
    ("Experiment Viewed", "experimentId", "variationId"),
    ("experiment_viewed", "experimentId", "variationId"),
    ("Experiment Viewed", "experiment_id", "variation_id"),
    ("experiment_viewed", "experiment_id", "variation_id"),
    ("$exposure", "flag_key", "variant"),
)


@dataclass(frozen=True)
class Exposed:
    """All exposures of a person to an experiment, as (event, variant) in total order."""

    experiment: Mapping[str, Any]
    person: str
    sightings: list[tuple[Event, str | None]]

    @property
    def planned(self) -> list[tuple[Event, str | None]]:
        """Those to a variant of the experiment."""
        names = {scalar_text(variant) for variant in self.experiment["variants"]}
        return [each for each in self.sightings if each[1] in names]

    @property
    def first(self) -> tuple[Event, str | None]:
        """The first planned one, else the first."""
        return (self.planned or self.sightings)[0]

    @property
    def variants(self) -> int:
        """Distinct planned variants."""
        return len({variant for _, variant in self.planned})


def exposed(facts: Facts, experiment: Mapping[str, Any]) -> Iterator[Exposed]:
    """Everybody with an exposure between the first and the last day."""
    start, end = (date.fromisoformat(experiment.get(key, "9999-12-31")) for key in ("start", "end"))
    found: dict[str, list[tuple[Event, str | None]]] = {}
    for event in sorted(facts.events, key=lambda each: each.order):
        person = facts.people.person_of(event)
        if event.is_bot or person is None:
            continue
        if not start <= facts.calendar.day_of(event.occurred_at) <= end:
            continue
        variants = sorted(_variants(event, experiment["exposure"]), key=lambda v: (v is None, v))
        if variants:
            found.setdefault(person, []).extend((event, variant) for variant in variants)
    for person, sightings in found.items():
        yield Exposed(experiment, person, sightings)


def _variants(event: Event, exposure: str | Mapping[str, Any]) -> set[str | None]:
    if isinstance(exposure, str):
        return {
            scalar_text(event.properties.get(variant))
            for name, key, variant in PRESETS
            if event.event_name == name and scalar_text(event.properties.get(key)) == exposure
        }
    if not matches(event, exposure["event"]):
        return set()
    return {scalar_text(inside(event.properties, exposure["variant"]))}


def exposure_rows(facts: Facts, experiments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """fct_experiment_exposures."""
    rows = []
    for experiment in experiments:
        for each in exposed(facts, experiment):
            event, variant = each.first
            problem = {0: "variant_unplanned", 1: None}.get(each.variants, "several_variants")
            rows.append(
                {
                    "experiment_name": experiment["name"],
                    "person_id": each.person,
                    "variant": variant,
                    "exposed_at": event.occurred_at,
                    "exposure_date": facts.calendar.day_of(event.occurred_at),
                    "event_id": event.event_id,
                    "source_id": event.source_id,
                    "exposure_count": len({other.event_id for other, _ in each.sightings}),
                    "variant_count": each.variants,
                    "problem": problem,
                    "is_counted": problem is None,
                }
            )
    return rows


def value_rows(facts: Facts, experiments: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each counted person did, per metric."""
    rows = []
    money = [each for each in told(facts) if each.is_counted]
    by_person: dict[str | None, list[Event]] = {}
    for event in facts.events:
        by_person.setdefault(facts.people.person_of(event), []).append(event)
    for experiment in experiments:
        metrics = [*experiment["metrics"], *experiment.get("guardrails", [])]
        for each in exposed(facts, experiment):
            if each.variants != 1:
                continue
            event, variant = each.first
            theirs = by_person[each.person]
            for metric in metrics:
                window = metric["days"] * DAY
                acts = _acts(metric, theirs, [m for m in money if m.person == each.person])
                since, until = event.occurred_at, event.occurred_at + window
                after = [amount for at, amount in acts if since <= at <= until]
                before = [amount for at, amount in acts if since - window <= at < since]
                edge = facts.calendar.data_edge
                rows.append(
                    {
                        "experiment_name": experiment["name"],
                        "metric_name": metric["name"],
                        "person_id": each.person,
                        "variant": variant,
                        "closes_at": until,
                        "closes_on": facts.calendar.day_of(until),
                        "is_mature": edge is not None and until < edge,
                        "metric_value": _value(metric, after),
                        "earlier_value": _value(metric, before),
                        "has_earlier_period": min(e.occurred_at for e in theirs) <= since - window,
                    }
                )
    return rows


def _acts(
    metric: Mapping[str, Any], events: list[Event], money: list[Told]
) -> list[tuple[datetime, Decimal]]:
    if "revenue" in metric:
        return [
            (m.event.occurred_at, (m.amount or Decimal(0)) * (1 if m.kind == "order" else -1))
            for m in money
            if m.currency == metric["revenue"]
        ]
    wanted = metric.get("conversion") or metric.get("count")
    return [
        (event.occurred_at, Decimal(1))
        for event in events
        if not event.is_bot and matches(event, wanted)
    ]


def _value(metric: Mapping[str, Any], amounts: list[Decimal]) -> float:
    if "conversion" in metric:
        return float(bool(amounts))
    return float(sum(amounts, start=Decimal(0)))
