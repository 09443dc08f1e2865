"""The published funnel scenarios, placed side by side in one warehouse.

Each scenario is a product of its own. Here they share a warehouse, whose persons and funnels
reach over everything in it; so ids and event names carry the scenario's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from footfall import Client
from tests.reference.data import ReferenceData

#: Every funnel of the file. Listed, because tests are named before the data is read.
FUNNELS = (
    "funnel_events",
    "messed_up_order",
    "skipped_step",
    "prop_filter_all_steps",
    "conversion_times",
    "window_14_days",
)
#: Of these, one person has two distinct ids. Both ways in which an alias joins them are tried:
#: the second id as a device's (anonymous_id), and as another user's (user_id).
LINKED = ("funnel_events", "messed_up_order")
LINKINGS = ("device", "user")
#: Of these, the time from step to step is given as well.
TIMED = ("conversion_times", "window_14_days")

CASES = tuple(
    (name, linking)
    for name in FUNNELS
    for linking in (LINKINGS if name in LINKED else LINKINGS[1:])
)

FunnelRow = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One scenario under one way of linking ids."""

    name: str
    linking: str
    scenario: dict[str, Any]

    @property
    def funnel(self) -> str:
        """The funnel's name, and what distinguishes its events and persons from others'."""
        return f"{self.name} by {self.linking}"

    @property
    def persons(self) -> set[str]:
        """Everybody the scenario knows."""
        return {event["person"] for event in self.scenario["events"]}

    def pair(self, step: int) -> str:
        """The funnel of a step and its next alone: its time to convert is that of the step."""
        return f"{self.funnel}, step {step} to {step + 1}"

    def marked(self, text: str) -> str:
        """An id or an event name of this case."""
        return f"{self.funnel}: {text}"

    def funnel_rows(self) -> list[FunnelRow]:
        """The scenario's funnel, and one of each pair of steps, as rows of the seed."""
        steps = self.scenario["steps"]
        rows = self._rows(self.funnel, steps)
        for number, pair in enumerate(pairwise(steps), 1):
            rows += self._rows(self.pair(number), list(pair))
        return rows

    def _rows(self, funnel_name: str, steps: list[str]) -> list[FunnelRow]:
        days, unit = self.scenario["window"].split()
        assert unit == "days"
        filters = self.scenario["expected"].get("filter", {"": ""})
        [(property_name, property_value)] = filters.items()
        return [
            {
                "funnel_name": funnel_name,
                "step_number": number,
                "step_name": step,
                "event_name": self.marked(step),
                "property_name": property_name,
                "property_value": property_value,
                "window_hours": int(days) * 24,
            }
            for number, step in enumerate(steps, 1)
        ]

    def send(self, client: Client) -> int:
        """Report the scenario's events, and an alias for each further id; how many in all.

        Last things first: an answer must not depend on what came first.
        """
        sent = 0
        linked: set[str] = set()
        for event in reversed(self.scenario["events"]):
            person, distinct_id = self.marked(event["person"]), self.marked(event["distinct_id"])
            is_device = distinct_id != person and self.linking == "device"
            client.track(
                None if is_device else distinct_id,
                self.marked(event["event"]),
                extra_info=event["properties"],
                anonymous_id=distinct_id if is_device else None,
                timestamp=event["timestamp"],
            )
            sent += 1
            if distinct_id != person and distinct_id not in linked:
                client.alias(distinct_id, person, timestamp=event["timestamp"])
                linked.add(distinct_id)
                sent += 1
        return sent


def read_cases(data: ReferenceData) -> dict[tuple[str, str], Case]:
    """Every case by its scenario and linking."""
    return {(name, linking): Case(name, linking, data.scenarios[name]) for name, linking in CASES}
