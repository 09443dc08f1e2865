"""What is wrong with an experiment even if each of its keys is valid."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.definitions import Experiment, Metric, Planned
from transformation.definition_rules import judge_conditions
from transformation.yaml_files import Place, repeated_names


def judge(experiment: Experiment) -> Iterator[tuple[Place, str]]:
    """The mistakes of one experiment, each with its place and what to write instead."""
    exposure = experiment.exposure
    if (exposure.flag is None) == (exposure.event is None and exposure.variant is None):
        yield ("exposure",), "write the key of a flag, or both event and variant"
    elif exposure.flag is None and (exposure.event is None or exposure.variant is None):
        missing = "event" if exposure.event is None else "variant"
        yield ("exposure",), f"{missing} is missing; write both event and variant"
    if len(experiment.variants) < 2:
        yield ("variants",), "one variant has nothing to be compared with; write at least two"
    for variant, share in experiment.variants.items():
        if share <= 0:
            yield (
                ("variants", variant),
                f"{variant} cannot have the share {share}; write a number above 0, or remove it",
            )
    if experiment.control not in experiment.variants:
        known = ", ".join(experiment.variants)
        yield ("control",), f"{experiment.control} is no variant; write one of {known}"
    if experiment.end is not None and experiment.end < experiment.start:
        yield ("end",), f"it ends before it starts; write {experiment.start} or a later day"
    for place, event in experiment.events():
        for text in judge_conditions(event.meant):
            yield place, text
    for place, metric in experiment.measured():
        yield from ((place, text) for text in _judge_metric(experiment, metric))
    named = ((place, metric.name) for place, metric in experiment.measured())
    yield from repeated_names(named, "a metric")
    yield from ((("planned",), text) for text in _judge_planned(experiment.planned))


def _judge_metric(experiment: Experiment, metric: Metric) -> Iterator[str]:
    kinds = [metric.conversion, metric.count, metric.revenue]
    if len([kind for kind in kinds if kind is not None]) != 1:
        yield f"metric {metric.name}: write one of conversion, count and revenue"
    sightings = [event for event, _ in experiment.exposure.sightings()]
    if any(event.may_be(other) for event in metric.events for other in sightings):
        yield (
            f"metric {metric.name}: its event may be the exposure itself, which everybody has; "
            "write another event, or a condition that parts them"
        )


def _judge_planned(planned: Planned) -> Iterator[str]:
    baselines = [planned.baseline_rate, planned.baseline_deviation]
    named = len([each for each in baselines if each is not None])
    if planned.persons is not None:
        if planned.minimum_effect is not None or named:
            yield "persons says all; write only persons, or leave it out"
    elif planned.minimum_effect is None or named != 1:
        yield (
            "write {persons: 4000}, or a minimum_effect with the baseline_rate of a conversion, "
            "or with the baseline_deviation of a mean"
        )
