"""The site's own definitions are validated before anything is built from them.

A definition that makes no sense stops the build. Nothing is published, and people keep reading
the last good file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from cohorts.definitions import Cohort
from cohorts.reading import Read, read_cohorts
from cohorts.tables import cohort_rows
from conversion.question_tables import question_rows
from conversion.questions import Question
from conversion.reading import Asked, read_questions
from experiments.definition_tables import experiment_rows
from experiments.reading import Defined, read_experiments
from ingestion.settings import Settings
from transformation.definition_rules import (
    BUILT_IN,
    COLUMNS,
    event_names,
    judge,
    judge_events,
    outdated,
)
from transformation.event_grammar import read_name
from transformation.seed_files import Mistake, Row, read_rows
from warehouse.connection import connect

logger = logging.getLogger(__name__)


class MistakenSeeds(RuntimeError):
    """Definitions with mistakes: a line for each, with file, line and what to write."""


def refuse_mistakes(settings: Settings, seen: Callable[[], Collection[str]] | None = None) -> None:
    """Raise MistakenSeeds with every mistake in the definitions of the site's dbt project.

    ``seen`` returns the names of all events that ever arrived. It is called only if a definition
    names an event that is not planned. Without it no event is reported as unknown.

    The older notation is still read. A build, which gives ``seen``, logs what to write instead.
    """
    rows: dict[str, list[Row]] = {}
    mistakes: dict[str, list[Mistake]] = {}
    for seed, columns in COLUMNS.items():
        rows[seed], mistakes[seed] = read_rows(_content(_path(settings, seed)), columns)
        mistakes[seed] += judge(seed, rows[seed])
    steps = rows["funnel_steps"]
    planned = {read_name(row["event_name"]) for row in rows["tracking_plan"]}
    asked, read, defined = _asked(settings), _cohorts(settings), _experiments(settings)
    questioned, cohorts = list(asked.mistakes), list(read.mistakes)
    experimented = list(defined.mistakes)
    if not mistakes["currencies"]:
        experimented += defined.unknown_currencies({row["currency"] for row in rows["currencies"]})
    named = {name for step in steps for name in event_names(step)}
    named |= asked.event_names | read.event_names | defined.event_names
    unplanned = named - planned - BUILT_IN
    if seen is not None and unplanned and not mistakes["tracking_plan"]:
        # If nothing is planned and nothing has arrived yet, a name cannot be validated.
        known = planned | set(seen())
        if known:
            mistakes["funnel_steps"] += judge_events(steps, known)
            questioned += asked.unknown_events(known)
            cohorts += read.unknown_events(known)
            experimented += defined.unknown_events(known)
    by_path = {_path(settings, seed): mistakes[seed] for seed in COLUMNS}
    by_path[_questions_path(settings)] = questioned
    by_path[_cohorts_path(settings)] = cohorts
    by_path[_experiments_path(settings)] = experimented
    if found := _lines(by_path):
        raise MistakenSeeds("\n".join(found))
    if seen is not None:
        older = {
            _path(settings, "funnel_steps"): outdated(steps),
            _questions_path(settings): asked.outdated,
            _cohorts_path(settings): read.outdated,
            _experiments_path(settings): defined.doubtful,
        }
        for line in _lines(older):
            logger.warning(line)


def questions_asked(settings: Settings) -> list[Question]:
    """The conversion questions of the site, without those that ``refuse_mistakes`` refuses."""
    return [question for _, question in _asked(settings).questions]


def cohorts_defined(settings: Settings) -> list[Cohort]:
    """The cohorts of the site. Call it only for files that ``refuse_mistakes`` does not refuse."""
    return [cohort for _, cohort in _cohorts(settings).cohorts]


def definition_rows(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """The definitions in YAML as the models read them: table → its rows."""
    return {
        **question_rows(questions_asked(settings)),
        **cohort_rows(cohorts_defined(settings)),
        **experiment_rows([each for _, each in _experiments(settings).experiments]),
    }


def names_seen(settings: Settings) -> set[str]:
    """The names of all events that ever arrived, with those of this nightly run.

    It reads one column of raw once. The caller holds the writer lock.
    """
    if not settings.warehouse.exists():
        return set()
    with connect(settings, read_only=True) as connection:
        is_there = connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'raw' and table_name = 'events'"
        ).fetchone()
        if is_there is None:
            return set()
        names = connection.execute("select distinct event_name from raw.events").fetchall()
    return {name for (name,) in names}


def _lines(by_path: Mapping[Path, Collection[Mistake]]) -> list[str]:
    return [
        f"{_shown(path)}:{mistake.line}: {mistake.text}"
        for path, some in by_path.items()
        for mistake in sorted(some)
    ]


def _path(settings: Settings, seed: str) -> Path:
    return settings.dbt_project / "seeds" / f"{seed}.csv"


def _questions_path(settings: Settings) -> Path:
    return settings.dbt_project / "conversion_questions.yml"


def _experiments_path(settings: Settings) -> Path:
    return settings.dbt_project / "experiments.yml"


def _cohorts_path(settings: Settings) -> Path:
    return settings.dbt_project / "cohorts.yml"


def _asked(settings: Settings) -> Asked:
    return read_questions(_content(_questions_path(settings)))


def _cohorts(settings: Settings) -> Read:
    return read_cohorts(_content(_cohorts_path(settings)))


def _experiments(settings: Settings) -> Defined:
    return read_experiments(_content(_experiments_path(settings)))


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _shown(path: Path) -> Path:
    """The path as somebody would type it in the current folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
