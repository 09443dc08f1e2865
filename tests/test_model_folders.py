"""Where a model lies: in a folder of its subject, described beside it, above what it reads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from warehouse.meta import COLUMNS, DEFINITION_TABLES

PROJECT = Path(__file__).parents[1] / "dbt_project"
#: Layers whose models lie in folders of subjects. Staging has one source, and so one folder.
LAYERS = ("intermediate", "marts")
READS = re.compile(r"\b(?:ref|existing_relation)\(\s*'(\w+)'\s*\)")
#: Models of intermediate that read a mart, and which; each says why where it does.
READS_A_MART = {
    ("int_bot_days_counted", "fct_events"),
    ("int_experiment_events_matched", "fct_events"),
    ("int_experiment_days_summed", "fct_experiment_exposures"),
    ("int_experiment_days_summed", "fct_experiment_values"),
    ("int_funnel_events_matched", "fct_events"),
    ("int_cohort_events_matched", "fct_events"),
    ("int_cohort_conditions_changed", "dim_persons"),
    ("int_cohort_account_traits_changed", "fct_account_members"),
    ("int_cohort_persons_touched", "fct_account_members"),
    ("int_traits_changed", "fct_events"),
    ("int_trial_events_of_accounts", "fct_account_members"),
    ("int_trial_events_of_accounts", "fct_events"),
    ("int_events_reattributed", "fct_events"),
    ("int_trial_features_touched", "fct_trial_day_features"),
}


def misplaced(project: Path) -> list[str]:
    """What is not in its place, each with what to do about it."""
    found = []
    models = {
        path.stem: path
        for layer in ("staging", *LAYERS)
        for path in sorted((project / layer).rglob("*.sql"))
    }
    marts = {name for name, path in models.items() if "marts" in path.parts}
    for name, path in models.items():
        place = path.relative_to(project)
        if place.parts[0] in LAYERS and len(place.parts) != 3:
            found.append(f"{place}: move it to {place.parts[0]}/<subject>/{path.name}")
            continue
        described = path.parent / f"_{path.parent.name}__models.yml"
        if name not in _described(described):
            found.append(f"{place}: describe it in {described.relative_to(project)}")
        if by_name := re.search(r"\bmeta\.(\w+)", path.read_text()):
            found.append(f"{place}: read source('meta', '{by_name[1]}') instead of {by_name[0]}")
        if place.parts[0] == "intermediate":
            for mart in sorted(marts & set(READS.findall(path.read_text()))):
                if (name, mart) not in READS_A_MART:
                    found.append(
                        f"{place} reads {mart}: read what the mart is made of, or say there why "
                        "it must, and list it in READS_A_MART"
                    )
                elif not re.search(rf"--.*\b{mart}\b", path.read_text()):
                    found.append(f"{place} reads {mart}: say in a comment there why it must")
    for path in sorted(project.rglob("_*__models.yml")):
        for name in sorted(_described(path)):
            if models.get(name, project).parent != path.parent:
                found.append(f"{path.relative_to(project)} describes {name}, which is not there")
    return found


def _described(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {model["name"] for model in yaml.safe_load(path.read_text())["models"]}


def test_every_model_lies_with_its_subject_and_is_described_there() -> None:
    assert misplaced(PROJECT) == []


def test_the_list_of_models_that_read_a_mart_names_none_that_does_not() -> None:
    reads = {
        (path.stem, name)
        for path in (PROJECT / "intermediate").rglob("*.sql")
        for name in READS.findall(path.read_text())
    }
    assert reads >= READS_A_MART


def test_the_definitions_that_models_read_are_described_as_they_are_kept() -> None:
    sources = yaml.safe_load((PROJECT / "staging" / "_staging__sources.yml").read_text())["sources"]
    meta = next(source for source in sources if source["name"] == "meta")
    described = {
        f"meta.{table['name']}": [column["name"] for column in table["columns"]]
        for table in meta["tables"]
    }
    assert described.keys() > set(DEFINITION_TABLES)
    for table in DEFINITION_TABLES:
        columns = COLUMNS[table].split(", ")
        assert described[table] == [column.split()[0] for column in columns]


def test_contributing_says_when_to_take_which_list_of_touched_keys() -> None:
    lists = {
        name
        for path in PROJECT.rglob("*.sql")
        for name in re.findall(r"rebuild_touched\(\s*'(\w+)'", path.read_text())
    }
    contributing = (PROJECT.parent / "CONTRIBUTING.md").read_text()
    assert len(lists) > 5
    assert {name for name in lists if f"\n| `{name}` |" not in contributing} == set()


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a model beside the subjects": (
        lambda project: (project / "marts" / "fct_stray.sql").write_text("select 1"),
        "marts/fct_stray.sql: move it to marts/<subject>/fct_stray.sql",
    ),
    "a model of no description": (
        lambda project: (project / "marts" / "events" / "fct_stray.sql").write_text("select 1"),
        "marts/events/fct_stray.sql: describe it in marts/events/_events__models.yml",
    ),
    "a model moved without its description": (
        lambda project: (project / "marts" / "events" / "fct_events.sql").rename(
            project / "marts" / "deliveries" / "fct_events.sql"
        ),
        "marts/events/_events__models.yml describes fct_events, which is not there",
    ),
    "a mart read from below": (
        lambda project: (project / "intermediate/trials/int_trials_named.sql").write_text(
            "select * from {{ ref('fct_trials') }}"
        ),
        "intermediate/trials/int_trials_named.sql reads fct_trials: read what the mart is made of",
    ),
    "a table of meta by its name": (
        lambda project: (project / "staging" / "stg_footfall__loads_pending.sql").write_text(
            "select * from meta.builds"
        ),
        "staging/stg_footfall__loads_pending.sql: read source('meta', 'builds') instead of",
    ),
    "a mart read without a reason": (
        lambda project: (project / "intermediate/persons/int_traits_changed.sql").write_text(
            "select * from {{ ref('fct_events') }}"
        ),
        "intermediate/persons/int_traits_changed.sql reads fct_events: say in a comment there",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_misplaced_model_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    for layer in ("staging", *LAYERS):
        shutil.copytree(PROJECT / layer, project / layer)
    make, said = MISTAKES[name]
    make(project)
    assert [each for each in misplaced(project) if each.startswith(said)]
