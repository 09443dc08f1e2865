"""What an experiment holds: the exposure, the variants, the metrics and the planned size."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import date
from statistics import NormalDist
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from transformation.event_definitions import Event, Events, Name, Scalar, SentText, Strict, Text
from transformation.event_grammar import Condition, EventMeant

#: A year. Nobody waits longer for a result.
MAX_DAYS: Final = 366
#: The share of experiments without any effect whose interval may leave out 0.
ALPHA: Final = 0.05
#: The share of experiments with the planned effect whose interval is to leave out 0.
POWER: Final = 0.8
#: Exposures as tools send them: the event, the property with the key of the flag or experiment, and
#: the one with the variant. In this order PostHog; GrowthBook's SDKs, its script tag and Segment's
#: specification, each by both names of the event; Amplitude.
PRESETS: Final = (
    ("$feature_flag_called", "$feature_flag", "$feature_flag_response"),
    ("Experiment Viewed", "experimentId", "variationId"),
    ("experiment_viewed", "experimentId", "variationId"),
    ("Experiment Viewed", "experiment_id", "variation_id"),
    ("experiment_viewed", "experiment_id", "variation_id"),
    ("$exposure", "flag_key", "variant"),
)

Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]
Share = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _of_flag(exposure: object) -> object:
    return {"flag": exposure} if isinstance(exposure, str) else exposure


def _with_shares(variants: object) -> object:
    """A list of variants as a mapping, with equal shares. A repeated one stays a mistake."""
    if not isinstance(variants, list):
        return variants
    texts = [json.dumps(each) if isinstance(each, bool | float) else str(each) for each in variants]
    return dict.fromkeys(texts, 1.0) if len(set(texts)) == len(texts) else variants


class Exposure(Strict):
    """The event that shows a person a variant, and the property that names the variant."""

    flag: SentText | None = Field(
        None, description="The key of the flag or experiment in PostHog, GrowthBook or Amplitude."
    )
    event: Events | None = Field(None, description="Or your own event, or a list of events …")
    variant: SentText | None = Field(None, description="… and its property that names the variant.")

    def sightings(self) -> list[tuple[Event, str]]:
        """Each event that is an exposure, with the property that names the variant."""
        if self.flag is None:
            return [(event, self.variant or "") for event in self.event or []]
        return [
            (Event.of(EventMeant(event, (Condition(key, "=", (self.flag,)),))), variant)
            for event, key, variant in PRESETS
        ]


class Metric(Strict):
    """What is measured of each person from the exposure on: one of conversion, count, revenue."""

    name: Name = Field(description="What answers call it.")
    conversion: Events | None = Field(
        None, description="The event, or a list of events, that a person does or does not."
    )
    count: Events | None = Field(None, description="The event, or a list, that is counted.")
    revenue: Currency | None = Field(
        None, description="The currency of the revenue, as the three letters of ISO 4217."
    )
    days: Days = Field(description="Days of 24 hours after the exposure in which it counts.")

    @property
    def kind(self) -> Literal["conversion", "count", "revenue"]:
        """How it is measured."""
        if self.revenue is not None:
            return "revenue"
        return "conversion" if self.conversion is not None else "count"

    @property
    def events(self) -> list[Event]:
        """The events that count; none for revenue, which seeds/revenue_events.csv defines."""
        return self.conversion or self.count or []


class Planned(Strict):
    """How many persons the experiment needs: told, or computed from the least effect to be seen."""

    persons: Annotated[int, Field(strict=True, ge=2)] | None = Field(
        None, description="Persons of all variants together."
    )
    minimum_effect: Positive | None = Field(
        None, description="Or the least difference to the control that is to be seen …"
    )
    baseline_rate: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="… of a conversion whose rate is about this now, from 0 to 1 …"
    )
    baseline_deviation: Positive | None = Field(
        None, description="… or of a mean whose standard deviation is about this now."
    )


class Experiment(Strict):
    """Does a variant change what people do?"""

    name: Name = Field(description="What answers call it.")
    description: Text = Field(description="What is asked, in a sentence.")
    exposure: Annotated[
        Exposure, BeforeValidator(_of_flag, json_schema_input_type=SentText | Exposure)
    ] = Field(description="The key of a flag or experiment, or an event and its property.")
    variants: Annotated[
        dict[Scalar, Share],
        BeforeValidator(_with_shares, json_schema_input_type=list[Scalar] | dict[Scalar, Share]),
    ] = Field(description="Names as they are sent, with shares; a list has equal shares.")
    control: Scalar = Field(description="The variant that the others are compared with.")
    start: date = Field(description="The first day on which an exposure counts.")
    end: date | None = Field(None, description="The last day on which an exposure counts.")
    metrics: list[Metric] = Field(min_length=1, description="What the experiment is to change.")
    guardrails: list[Metric] = Field([], description="What it is not to harm.")
    planned: Planned = Field(description="The size that makes a result final.")

    def measured(self) -> Iterator[tuple[tuple[str | int, ...], Metric]]:
        """Metrics and guardrails, with their places in the file."""
        for key, metrics in (("metrics", self.metrics), ("guardrails", self.guardrails)):
            for number, metric in enumerate(metrics):
                yield (key, number), metric

    def events(self) -> Iterator[tuple[tuple[str | int, ...], Event]]:
        """Every event that the file names, with its place. Those of presets are not named."""
        for number, event in enumerate(self.exposure.event or []):
            yield ("exposure", "event", number), event
        for place, metric in self.measured():
            for number, event in enumerate(metric.events):
                yield (*place, metric.kind, number), event

    @property
    def shares(self) -> dict[str, float]:
        """The planned share of each variant; together 1."""
        whole = sum(self.variants.values())
        return {variant: share / whole for variant, share in self.variants.items()}

    @property
    def planned_persons(self) -> int:
        """Persons of all variants together after which a result is final.

        Computed for the variant with the smallest share: the usual size of a test of two means,
        with ALPHA for both sides and POWER.
        """
        planned = self.planned
        if planned.persons is not None:
            return planned.persons
        rate, effect = planned.baseline_rate, planned.minimum_effect or 1.0
        variance = rate * (1 - rate) if rate else (planned.baseline_deviation or 1.0) ** 2
        deviations = NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)
        control = self.shares[self.control]
        least = min(share for name, share in self.shares.items() if name != self.control)
        persons = (deviations / effect) ** 2 * variance * (1 / control + 1 / least)
        return max(2, -int(-persons // 1))


class ExperimentFile(Strict):
    """The experiments of a site, side by side."""

    experiments: list[Experiment] = Field(description="One entry an experiment.")


def schema() -> str:
    """The JSON schema of the file, for editors."""
    return json.dumps(ExperimentFile.model_json_schema(), indent=2) + "\n"


#: All models whose keys the file has.
MODELS: Final[tuple[type[BaseModel], ...]] = (
    *(ExperimentFile, Experiment, Exposure, Metric, Planned, Event),
)

if __name__ == "__main__":
    sys.stdout.write(schema())
