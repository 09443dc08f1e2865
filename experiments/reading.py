"""Reads the file of experiments and lists every mistake in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from experiments.definition_rules import judge
from experiments.definitions import MAX_DAYS, MODELS, Experiment, ExperimentFile
from transformation.definition_rules import doubts
from transformation.event_definitions import unknown_events
from transformation.seed_files import Mistake
from transformation.yaml_files import YamlFile, read_yaml, repeated_names

_A_NAME: Final = "write a name of small letters, digits and _, a letter first"
_AN_EVENT: Final = "write the name of an event, 'name[property=value]', or a list of these"
_A_DAY: Final = "write a day, as 2026-09-01"
_METRICS: Final = "write one entry a metric, each as - {name: …, conversion: …, days: 7}"
_POSITIVE: Final = "write a number above 0"
#: Key → what to write there.
_WANTED: Final = {
    "experiments": "write experiments: and below it one entry an experiment, each with a - before",
    "name": _A_NAME,
    "description": "write what is asked, in a sentence",
    "exposure": "write the key of a flag or experiment, or {event: …, variant: a property}",
    "flag": "write the key of a flag or experiment",
    **dict.fromkeys(("event", "conversion", "count"), _AN_EVENT),
    "variant": "write the property that names the variant",
    "variants": "write at least two, as [control, test], or with shares as {control: 9, test: 1}",
    "control": "write the variant that the others are compared with",
    **dict.fromkeys(("start", "end"), _A_DAY),
    **dict.fromkeys(("metrics", "guardrails"), _METRICS),
    "revenue": "write a currency in three capital letters, as EUR",
    "days": f"write a whole number of days from 1 to {MAX_DAYS}",
    "planned": "write {persons: 4000}, or a minimum_effect with a baseline_rate",
    "persons": "write a whole number of persons, of all variants together",
    **dict.fromkeys(("minimum_effect", "baseline_deviation"), _POSITIVE),
    "baseline_rate": "write a rate between 0 and 1",
    **dict.fromkeys(("property", "value"), "write a text without blanks around it"),
}


@dataclass(frozen=True)
class Defined:
    """The experiments that can be read, each with its number, and every mistake."""

    experiments: Sequence[tuple[int, Experiment]] = ()
    mistakes: Sequence[Mistake] = ()
    file: YamlFile = field(default_factory=YamlFile, repr=False)

    @property
    def event_names(self) -> set[str]:
        """The names of all events that the file names."""
        named = (event.meant for _, each in self.experiments for _, event in each.events())
        return {meant.event_name for meant in named if meant.event_name is not None}

    @property
    def doubtful(self) -> list[Mistake]:
        """Events that may not be what the author meant. These are not mistakes."""
        return [
            Mistake(self.file.line(("experiments", number, *place)), text)
            for number, experiment in self.experiments
            for place, event in experiment.events()
            for text in doubts(event.meant)
        ]

    def unknown_currencies(self, known: set[str]) -> list[Mistake]:
        """A mistake for each currency that is not among the known ones."""
        return [
            Mistake(
                self.file.line(("experiments", number, *place, "revenue")),
                f"metric {metric.name}: {metric.revenue} is no currency; write one of "
                "seeds/currencies.csv",
            )
            for number, experiment in self.experiments
            for place, metric in experiment.measured()
            if metric.revenue is not None and metric.revenue not in known
        ]

    def unknown_events(self, known: set[str]) -> list[Mistake]:
        """A mistake for each event that is not among the known ones."""
        return [
            Mistake(self.file.line(("experiments", number, *place)), text)
            for number, experiment in self.experiments
            for place, text in unknown_events(experiment.events(), known)
        ]


def read_experiments(content: bytes) -> Defined:
    """The experiments of a file and its mistakes. An empty file has none."""
    file, mistakes = read_yaml(content)
    if file.root is None:
        return Defined(mistakes=mistakes)
    mistakes += file.invalid(ExperimentFile, _WANTED, MODELS)
    experiments = file.valid("experiments", Experiment)
    judged = [
        (("experiments", number, *place), text)
        for number, experiment in experiments
        for place, text in judge(experiment)
    ]
    named = ((("experiments", number), experiment.name) for number, experiment in experiments)
    judged += repeated_names(named, "an experiment")
    mistakes += [Mistake(file.line(place), text) for place, text in judged]
    return Defined(experiments, mistakes, file)
