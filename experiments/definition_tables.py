"""The experiments as the models read them: four tables in the schema meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.definitions import Experiment
from transformation.event_grammar import written
from warehouse import meta


def experiment_rows(experiments: Sequence[Experiment]) -> dict[str, list[tuple[Any, ...]]]:
    """Table → its rows."""
    return {
        meta.EXPERIMENT_PLANS: [
            (
                *(each.name, each.description, each.control, each.start, each.end),
                each.planned_persons,
            )
            for each in experiments
        ],
        meta.EXPERIMENT_VARIANTS: [
            (each.name, variant, share)
            for each in experiments
            for variant, share in each.shares.items()
        ],
        meta.EXPERIMENT_METRICS: [
            (each.name, metric.name, metric.kind, metric.revenue, metric.days, key == "guardrails")
            for each in experiments
            for (key, _), metric in each.measured()
        ],
        meta.EXPERIMENT_EVENTS: [
            (each.name, metric_name, written(event.meant), variant_property)
            for each in experiments
            for metric_name, event, variant_property in [
                *((None, event, variant) for event, variant in each.exposure.sightings()),
                *((m.name, event, None) for _, m in each.measured() for event in m.events),
            ]
        ],
    }
