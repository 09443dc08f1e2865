"""The reference data: real events and published answers, read where they lie, never copied."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
DEFAULT_FOLDER = CHECKOUT.parent / "shared" / "data"

RETAIL = "online_retail_by_day"
BEER = "beer_stackexchange"
SCENARIOS = "posthog_scenarios/scenarios.json"
SNOWPLOW_SET = "snowplow_web_0.15.2"
SNOWPLOW_EXPECTED = f"{SNOWPLOW_SET}/expected"
SNOWPLOW_EVENTS = f"{SNOWPLOW_SET}/source/snowplow_web_events.csv"
SNOWPLOW_SESSIONS = f"{SNOWPLOW_EXPECTED}/default/snowplow_web_sessions_expected.csv"
SNOWPLOW_PAGE_VIEWS = f"{SNOWPLOW_EXPECTED}/snowplow_web_page_views_expected.csv"
SNOWPLOW_USERS = f"{SNOWPLOW_EXPECTED}/snowplow_web_users_expected.csv"
SNOWPLOW_QUARANTINED = f"{SNOWPLOW_EXPECTED}/snowplow_web_base_quarantined_sessions_expected.csv"
ORDERS_SET = "dbt_product_analytics/seeds"
ORDERS_SIMPLE = f"{ORDERS_SET}/raw_orders_simple.csv"
ORDERS = f"{ORDERS_SET}/raw_orders.csv"
ORDERS_FUNNEL = f"{ORDERS_SET}/dmt_expected__funnel_simple.csv"
ORDERS_RETENTION = f"{ORDERS_SET}/dmt_expected__retention.csv"
TABLES = (
    SNOWPLOW_EVENTS,
    SNOWPLOW_SESSIONS,
    SNOWPLOW_PAGE_VIEWS,
    SNOWPLOW_USERS,
    SNOWPLOW_QUARANTINED,
    ORDERS_SIMPLE,
    ORDERS,
    ORDERS_FUNNEL,
    ORDERS_RETENTION,
)
ANSWERS = "reference.json"


class DataMissing(Exception):
    """The reference data is not there; without it nothing can be said, so nothing is skipped."""


@dataclass(frozen=True)
class ReferenceData:
    """The folder of data sets, each with its SOURCE.md, and the answers computed from them."""

    folder: Path

    def check(self) -> None:
        """Raise DataMissing, naming every file that is not there."""
        wanted = [self.events_file(RETAIL), self.events_file(BEER)]
        wanted += [self.folder / name for name in (SCENARIOS, ANSWERS, *TABLES)]
        missing = [str(path) for path in wanted if not path.is_file()]
        if missing:
            raise DataMissing(
                f"the reference run needs real data, and these files are missing: "
                f"{', '.join(missing)}. Name their folder with --reference-data."
            )

    def events_file(self, name: str) -> Path:
        """The events of a data set, one JSON object a line."""
        return self.folder / name / "events.ndjson.gz"

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """The rows of a table, all as text; what is empty is the empty text."""
        with (self.folder / name).open(newline="", encoding="utf-8") as table:
            yield from csv.DictReader(table)

    def lines(self, name: str) -> Iterator[str]:
        """The events of a data set as they are written, in the order of the file."""
        with gzip.open(self.events_file(name), "rt", encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")

    def events(self, name: str) -> Iterator[dict[str, Any]]:
        """The events of a data set."""
        return map(json.loads, self.lines(name))

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        """Data set → what DuckDB SQL and pandas both say about it."""
        answers: dict[str, dict[str, Any]] = json.loads((self.folder / ANSWERS).read_text())
        return answers

    @cached_property
    def scenarios(self) -> dict[str, dict[str, Any]]:
        """Scenario name → events and the expected answer."""
        scenarios = json.loads((self.folder / SCENARIOS).read_text())
        return {scenario["name"]: scenario for scenario in scenarios}
