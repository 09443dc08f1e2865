"""What decides a number is in its definition, and a build of another definition is a full one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from conversion.marts import MARTS
from enrichment.enrich import enrich
from ingestion.loading.pipeline import load
from ingestion.settings import Settings
from orchestration.prepare import prepare
from tests.models_in_memory import run_dbt
from tests.prepared import furnish
from transformation import definition as defining
from transformation.definition import WRITTEN_BY_DBT, definition, zone_rules
from transformation.exactness import verify
from transformation.manifest import NotPrepared
from warehouse.connection import connect, writer_lock

Change = Callable[[Path], object]


def appended(name: str, text: str) -> Change:
    def change(project: Path) -> None:
        path = project / name
        path.write_text((path.read_text() if path.exists() else "") + text)

    return change


def replaced(name: str, old: str, new: str) -> Change:
    def change(project: Path) -> None:
        path = project / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


#: A plan of more than the megabyte from which on dbt tells seeds apart by their path alone.
LARGE_PLAN = "".join(f"planned_{number},,\n" for number in range(90_000))

CHANGES: dict[str, Change] = {
    "a macro: ids without case": replaced(
        "macros/ids.sql", " then {{ id }} end", " then lower({{ id }}) end"
    ),
    "a macro: days": replaced(
        "macros/engine.sql",
        "cast({{ timestamp }} as date)",
        "cast({{ timestamp }} - interval 12 hours as date)",
    ),
    "a model": replaced(
        "intermediate/sessions/int_events_sessionized.sql", "md5('session '", "md5('visit '"
    ),
    "a seed": appended("seeds/passive_events.csv", "x,Sent by a server\n"),
    "a variable": replaced("dbt_project.yml", "- guest\n", "- guest\n    - ann\n"),
    "a type of a seed": appended("staging/_staging__seeds.yml", "\n# float\n"),
    "the profile": replaced("profiles.yml", "TimeZone: UTC", "TimeZone: Asia/Tokyo"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A site with a project of its own."""
    project = tmp_path / "dbt_project"
    shutil.copytree(
        Settings().dbt_project,
        project,
        ignore=shutil.ignore_patterns(*WRITTEN_BY_DBT),
    )
    return Settings(home=tmp_path / "home", dbt_project=project)


def test_the_same_definition_is_the_same_on_any_machine(settings: Settings, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(settings.dbt_project, moved)
    elsewhere = Settings(home=tmp_path / "other", dbt_project=moved, threads=7)
    assert definition(elsewhere) == definition(settings)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_decides_a_number_is_in_the_definition(settings: Settings, change: Change) -> None:
    """A changed macro was none: the next run was green, and other than a full rebuild."""
    before = definition(settings)
    change(settings.dbt_project)
    assert definition(settings) != before


def test_a_seed_is_compared_by_its_content_however_large(settings: Settings) -> None:
    seed = settings.dbt_project / "seeds" / "tracking_plan.csv"
    seed.write_text("event_name,description\n" + LARGE_PLAN)
    assert seed.stat().st_size > 1 << 20
    before = definition(settings)
    seed.write_text(seed.read_text().replace("planned_70000,", "planned_70001,"))
    assert definition(settings) != before


@pytest.mark.parametrize("library", defining.LIBRARIES)
def test_the_version_of_what_computes_is_in_the_definition(
    settings: Settings, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = definition(settings)
    monkeypatch.setattr(defining, "version", lambda name: "9" if name == library else "1")
    changed = definition(settings)
    monkeypatch.setattr(defining, "version", lambda name: "1")
    assert len({before, changed, definition(settings)}) == 3


def test_the_zone_and_the_engines_rules_of_it_are_in_the_definition(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two versions of DuckDB put the same evening into two days, where the rules have changed."""
    winnipeg = settings.model_copy(update={"reporting_time_zone": "America/Winnipeg"})
    before = definition(winnipeg)
    assert before != definition(settings)
    monkeypatch.setattr(defining, "zone_rules", lambda zone: "as of tomorrow")
    assert definition(winnipeg) != before


def test_zones_of_the_same_rules_are_the_same_and_one_hour_of_one_year_is_another() -> None:
    assert zone_rules("Asia/Kolkata") == zone_rules("Asia/Calcutta")
    # Vienna and Berlin have kept the same time for decades, and not always.
    assert zone_rules("Europe/Berlin") != zone_rules("Europe/Vienna")


@pytest.mark.parametrize(
    "name",
    [
        *("tests/a.sql", "marts/_x__unit_tests.yml", "target/a", "logs/a"),
        *(
            "marts/_x__metrics.yml",
            "marts/_x__saved_queries.yml",
            "marts/_x__exposures.yml",
            "seeds/source_totals.csv",
            "marts/x.md",
        ),
        *("conversion_questions.yml", "cohorts.yml", "experiments.yml"),
    ],
)
def test_what_judges_or_is_kept_in_the_warehouse_is_not_in_the_definition(
    settings: Settings, name: str
) -> None:
    before = definition(settings)
    path = settings.dbt_project / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("select 1")
    assert definition(settings) == before


def test_a_zone_that_the_engine_does_not_know_is_named(settings: Settings) -> None:
    unknown = settings.model_copy(update={"reporting_time_zone": "localtime"})
    with pytest.raises(NotPrepared, match=r"^FOOTFALL_REPORTING_TIME_ZONE: .* localtime: write"):
        prepare(unknown)


def land(settings: Settings, name: str, user_id: str, day: int) -> None:
    path = Path(settings.landing) / "events" / f"{name}.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "event_id": name,
        "source_id": "web",
        "type": "track",
        "event_name": "x",
        "user_id": user_id,
        "received_at": f"2026-11-{day:02}T10:20:00Z",
    }
    later = {**line, "event_id": f"{name} later", "received_at": f"2026-11-{day:02}T10:45:00Z"}
    path.write_text(json.dumps(line) + "\n" + json.dumps(later) + "\n")


def build(settings: Settings) -> None:
    with writer_lock(settings):
        load(settings)
        with connect(settings) as connection:
            enrich(connection)
        run_dbt(settings, "build", "--exclude-resource-type", "unit_test", "test")


def differing(settings: Settings) -> list[str]:
    """The marts that are other than those of a full rebuild."""
    with writer_lock(settings):
        return [each.mart for each in verify(settings, MARTS) if not each.is_equal]


def test_a_build_of_another_definition_is_a_full_one(settings: Settings) -> None:
    furnish(settings)
    land(settings, "a", "Ann", 1)
    build(settings)
    ids = settings.dbt_project / "macros" / "ids.sql"
    mart = settings.dbt_project / "marts" / "activity" / "fct_daily_actives.sql"
    sound = {path: path.read_text() for path in (ids, mart)}

    # What a build has begun stays behind, though it fail and the change be taken back.
    CHANGES["a macro: ids without case"](settings.dbt_project)
    mart.write_text("select * from nothing_of_this_name")
    with pytest.raises(AssertionError, match="nothing_of_this_name"):
        build(settings)
    for path, text in sound.items():
        path.write_text(text)
    land(settings, "b", "Ann", 2)
    build(settings)
    assert differing(settings) == []
    assert persons(settings) == {"Ann"}

    CHANGES["a macro: ids without case"](settings.dbt_project)
    land(settings, "c", "Ann", 3)
    build(settings)
    assert persons(settings) == {"ann"}
    assert differing(settings) == []


@pytest.mark.exactness
def test_each_change_of_the_definition_leaves_what_a_full_rebuild_gives(settings: Settings) -> None:
    land(settings, "first", "Ann", 1)
    build(settings)
    for day, (name, change) in enumerate(CHANGES.items(), 2):
        change(settings.dbt_project)
        land(settings, f"after {name}", "Ann", day)
        build(settings)
        assert (name, differing(settings)) == (name, [])
    tokyo = settings.model_copy(update={"reporting_time_zone": "Asia/Tokyo"})
    land(tokyo, "in Tokyo", "Ann", 28)
    build(tokyo)
    assert differing(tokyo) == []


def persons(settings: Settings) -> set[str]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        rows = connection.execute("select distinct person_id from marts.fct_events").fetchall()
    return {person for (person,) in rows}
