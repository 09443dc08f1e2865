"""Do the intervals of `conversion_odds` cover the truth? The demo's people buy by a known law."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, timedelta
from math import comb, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Final

import duckdb
import pytest

from demo.facts import Fact, Story
from demo.law import purchase_within
from demo.population import live
from demo.project import with_definitions
from ingestion.settings import Settings
from publishing.questions import TABLES, install
from tests.reference.importing import Line, land
from tests.reference.run import nightly

logger = logging.getLogger(__name__)
pytestmark = pytest.mark.reference

#: Of each population; their trials are some 180, of whom a third stand in each state asked about.
PERSONS: Final = 300
#: Mature are all who arrived in the weeks.
WEEKS: Final = 12
AFTERWARDS: Final = timedelta(days=21)
CONFIDENCE: Final = 0.95
DAY: Final = timedelta(days=1)


@pytest.fixture(scope="module")
def populations(
    population_count: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """The published marts of each population, with the macros: one night built them all.

    Households draw their lives apart from each other, so every n-th is a population of its own.
    """
    settings = with_definitions(Settings(home=tmp_path_factory.mktemp("populations")))
    story = Story(
        seed=1, persons=PERSONS * population_count, weeks=WEEKS, starts_on=date(2026, 1, 5)
    )
    facts = live(story, story.starts_at + timedelta(days=story.days) + AFTERWARDS)
    land(Path(settings.landing), "trials", (line(fact) for fact in facts if fact.kind == "track"))
    nightly(settings, "night of the populations")
    connections = [
        population(settings, number, population_count) for number in range(population_count)
    ]
    yield connections
    for connection in connections:
        connection.close()


def line(fact: Fact) -> Line:
    """The fact as the collector writes it, without a delay: the law knows what was used, and what
    nobody knew yet would count as unused."""
    return {
        "event_id": fact.event_id,
        "source_id": fact.source,
        "type": fact.kind,
        "event_name": fact.name,
        "user_id": fact.user_id,
        "anonymous_id": fact.anonymous_id,
        "original_timestamp": fact.occurred_at.isoformat(),
        "received_at": fact.occurred_at.isoformat(),
        "properties": dict(fact.properties),
    }


def population(settings: Settings, number: int, count: int) -> duckdb.DuckDBPyConnection:
    """The households whose number leaves this remainder."""
    connection = duckdb.connect()
    connection.execute(f"attach '{settings.published}' as everybody (read_only)")
    connection.execute("create schema marts; create schema meta")
    connection.execute("create table meta.published as from everybody.meta.published")
    for table in TABLES:
        is_of_it = "false"
        if table.startswith("fct_trial"):
            is_of_it = f"cast(regexp_extract(actor_id, '[0-9]+') as integer) % {count} = {number}"
        connection.execute(
            f"create table marts.{table} as from everybody.marts.{table} where {is_of_it}"
        )
    install(connection, "memory", "UTC")
    return connection


@pytest.mark.parametrize(("trial_day", "horizon_days"), [(5, 9), (8, 3)])
def test_the_interval_covers_the_truth_as_often_as_it_says(
    populations: list[duckdb.DuckDBPyConnection], trial_day: int, horizon_days: int
) -> None:
    # Whoever has used neither report nor dashboard buys by the same chance, queries or not.
    truth = purchase_within((), trial_day * DAY, horizon_days * DAY)
    answers = [odds(connection, trial_day, horizon_days) for connection in populations]
    covered = sum(low <= truth <= high for _, low, high in answers)
    chances = [chance_to_cover(n, truth) for n, *_ in answers]
    error = sqrt(sum(chance * (1 - chance) for chance in chances))
    logger.info(
        "day %d, %d days: %d of %d intervals cover %.4f; by the law %.1f, error %.1f",
        *(trial_day, horizon_days, covered, len(answers), truth, sum(chances), error),
    )
    assert abs(covered - sum(chances)) <= 3 * error
    assert abs(sum(chances) / len(chances) - CONFIDENCE) < 0.03


def odds(
    connection: duckdb.DuckDBPyConnection, trial_day: int, horizon_days: int
) -> tuple[int, float, float]:
    """Of those who have used nothing that sells: how many, and the interval of their rate."""
    found = connection.execute(
        "select n, low, high from conversion_odds(trial_day := ?, horizon := to_days(?), "
        "without := ['report_created', 'dashboard_shared'], confidence := ?)",
        [trial_day, horizon_days, CONFIDENCE],
    ).fetchone()
    assert found is not None
    return found[0], found[1], found[2]


def chance_to_cover(n: int, truth: float) -> float:
    """How often the score interval of n draws covers the truth.

    The interval has all rates from which the draws are no more than z errors away, and draws are
    whole: at one n and rate it covers somewhat more or less often than it says.
    """
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * sqrt(truth * (1 - truth) / n)
    return sum(
        comb(n, k) * truth**k * (1 - truth) ** (n - k)
        for k in range(n + 1)
        if abs(k / n - truth) <= reach
    )
