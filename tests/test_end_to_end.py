"""From landed files through the real nightly job to the published file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.settings import Settings
from tests import golden
from tests.conftest import GOLDEN_FUNNELS
from tests.models_in_memory import forget_what_was_published, project_copy
from tests.prepared import furnish, furnish_built, made_once, settle
from tests.warm import run_module
from transformation.dbt_command import dbt_environment
from warehouse.connection import writer_lock

CHECKOUT = Path(__file__).parents[1]
Marts = dict[str, list[tuple[Any, ...]]]


def environment(settings: Settings) -> dict[str, str]:
    """What the programs of this site are started with."""
    project = {"FOOTFALL_DBT_PROJECT": str(settings.dbt_project)}
    return os.environ | dbt_environment(settings) | project


def run_nightly(settings: Settings) -> subprocess.CompletedProcess[str]:
    """The nightly job in a process of its own, whatever it ends with."""
    return run_module("orchestration", "nightly", environment=environment(settings))


class Site:
    """A home of its own, with the funnels of the golden days.

    Unless the first build is what a test is about, it has been built: see `furnish_built`.
    """

    def __init__(self, folder: Path, *, is_built: bool = True) -> None:
        folder.mkdir()
        project = project_copy(Settings(), folder, GOLDEN_FUNNELS)
        # Known before anybody sends them.
        names = sorted({row["event_name"] for row in GOLDEN_FUNNELS})
        plan = project / "seeds" / "tracking_plan.csv"
        plan.write_text("".join(["event_name,description\n", *(f"{name},\n" for name in names)]))
        self.settings = Settings(home=folder / "home", dbt_project=project)
        if is_built:
            furnish_built(self.settings, run_nightly)
        else:
            furnish(self.settings)

    def land(self, name: str, lines: Iterable[dict[str, Any]]) -> None:
        path = Path(self.settings.landing) / "events" / f"{name}.ndjson"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def start_nightly(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration", "nightly"],
            cwd=CHECKOUT,
            env=environment(self.settings),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def nightly(self) -> subprocess.CompletedProcess[str]:
        return run_nightly(self.settings)

    def answers(self) -> Marts:
        """Every table of the published marts, all columns; restatements tell of their nights."""
        with duckdb.connect(str(self.settings.published), read_only=True) as connection:
            tables = connection.execute(
                "select table_name from duckdb_tables()"
                " where schema_name = 'marts' and table_name <> 'restatements'"
            ).fetchall()
            return {
                str(table): connection.execute(
                    f"select * from marts.{table} order by all"
                ).fetchall()
                for (table,) in tables
            }

    def builds(self) -> str:
        """The invocation of dbt that came last."""
        return (self.settings.home / "dbt" / "target" / "run_results.json").read_text()

    def found(self) -> list[tuple[str, bool]]:
        """What the checks of the last run found, each evaluated in it."""
        home = str(self.settings.dagster_home)
        with dg.DagsterInstance.from_config(home) as instance:
            (run,) = instance.get_runs(limit=1)
            kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
            events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=kind)]
        found = [event.asset_check_evaluation_data for event in events if event]
        return sorted((each.asset_check_key.to_user_string(), each.passed) for each in found)

    def restatements(self) -> list[tuple[Any, ...]]:
        """From what to what, and why, a published figure changed, and in which run."""
        with duckdb.connect(str(self.settings.published), read_only=True) as connection:
            return connection.execute(
                "select from_value, to_value, reasons, run_id from marts.restatements"
            ).fetchall()


def golden_lines() -> list[dict[str, Any]]:
    """All golden days, a week each apart in arrival as in the files; ids do not collide."""
    return [
        {**line, "event_id": f"{day} {line['event_id']}"}
        for day in golden.DAYS
        for line in golden.load(day)[0].lines
    ]


def golden_site(folder: Path) -> Site:
    """A site of its own that a nightly run has built from the golden lines."""
    with made_once("golden") as shared:
        if not (shared / "site" / "home" / "published" / "footfall.duckdb").exists():
            shared.mkdir()
            made = Site(shared / "site")
            made.land("1", golden_lines())
            done = made.nightly()
            assert done.returncode == 0, done.stderr
    shutil.copytree(shared / "site", folder)
    site = Site.__new__(Site)
    site.settings = Settings(home=folder / "home", dbt_project=folder / "dbt_project")
    settle(site.settings)
    return site


def test_a_day_run_twice_then_late_then_shuffled_gives_the_same_answers(tmp_path: Path) -> None:
    # Content of an id that comes twice depends on which came first; arrival order is the
    # one thing that shuffling may not change for these.
    lines = list({line["event_id"]: line for line in golden_lines()}.values())
    late = lines[:: len(lines) // 7]
    on_time = [line for line in lines if line not in late]

    site = Site(tmp_path / "day_by_day", is_built=False)
    site.land("1", on_time)
    first = site.nightly()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Found " not in first.stdout + first.stderr
    assert "Found " in (site.settings.home / "logs" / "nightly.log").read_text()  # dbt's words
    answers = site.answers()
    assert len(answers["fct_events"]) == len(on_time)
    assert "WARN: every_line_is_readable" not in first.stderr

    forget_what_was_published(site.settings)
    assert site.nightly().returncode == 0
    assert site.answers() == answers
    assert site.restatements() == []
    built, found = site.builds(), site.found()

    assert site.nightly().returncode == 0
    assert site.answers() == answers
    assert site.builds() == built
    assert site.found() == found
    assert len(found) > 100

    site.land("0", late)
    assert site.nightly().returncode == 0
    assert len(site.answers()["fct_events"]) == len(lines)
    assert len({run_id for *_, run_id in site.restatements()}) == 1
    assert {reason for *_, reasons, _ in site.restatements() for reason in reasons.split(", ")} <= {
        "late_events",
        "identity",
    }

    shuffled = Site(tmp_path / "shuffled")
    Random(7).shuffle(lines)
    for number in range(3):
        shuffled.land(f"{number}", lines[number::3])
    assert shuffled.nightly().returncode == 0
    assert shuffled.answers() == site.answers()


def test_a_failed_check_keeps_yesterdays_file_and_says_which(tmp_path: Path) -> None:
    site = golden_site(tmp_path / "site")
    before = site.settings.published.read_bytes()

    check = site.settings.dbt_project / "tests" / "nothing_ever_happens.sql"
    check.write_text("select * from {{ ref('fct_events') }}\n")
    failed = site.nightly()

    assert failed.returncode == 1
    assert "ERROR: nothing_ever_happens on marts/fct_events" in failed.stderr
    assert site.settings.published.read_bytes() == before


def test_definitions_that_make_no_sense_build_nothing_and_say_where(tmp_path: Path) -> None:
    site = golden_site(tmp_path / "site")
    before = site.settings.published.read_bytes()
    seed = site.settings.dbt_project / "seeds" / "funnel_steps.csv"
    sound = seed.read_text()
    line = sound.count("\n") + 1

    seed.write_text(sound + "broken,2,Second,paid,,,0\n")
    at_once = site.nightly()
    assert at_once.returncode == 2
    assert at_once.stderr.splitlines() == [
        f"{seed}:{line}: funnel broken, step 2: nothing happens within 0 hours; write a "
        "window_hours from 1m to 876600, as 24 for a day",
        f"{seed}:{line}: funnel broken, step 2: steps are numbered 1, 2, 3 without gaps; write "
        "step_number 1",
    ]

    # Whether an event is known only the loaded data can tell, this night's included.
    site.land("2", [{**golden_lines()[0], "event_id": "new", "event_name": "invoice_paid"}])
    seed.write_text(sound + "paying,1,Paid,invoice_payed,,,24\n")
    after_loading = site.nightly()
    assert after_loading.returncode == 1
    assert (
        f"{seed}:{line}: funnel paying, step 1: nobody has ever sent invoice_payed, nor is it "
        "planned; write invoice_paid, or add invoice_payed to seeds/tracking_plan.csv"
    ) in after_loading.stderr
    assert site.settings.published.read_bytes() == before

    seed.write_text(sound + "paying,1,Paid,invoice_paid,,,24\n")
    assert site.nightly().returncode == 0
    paid = [row for row in site.answers()["fct_funnel_steps"] if row[0] == "paying"]
    assert [row[4] for row in paid] == [1]


def test_an_id_that_turns_out_to_stand_for_nobody_is_forgotten_in_all_history(
    tmp_path: Path,
) -> None:
    """Found in a review: no event touches the visitors of such an id, so their rows stayed."""
    lines = golden_lines()
    shared = [
        {**line, "event_id": f"shared {line['event_id']}", "anonymous_id": "Kiosk-7"}
        for line in lines
    ]
    nobody = {**lines[0], "anonymous_id": "undefined", "user_id": None}
    rare = [
        {**nobody, "event_id": "nobodys act", "type": "track", "event_name": "sign_up"},
        {**nobody, "event_id": "nobodys trait", "type": "identify", "traits": {"plan": "annual"}},
        {**lines[0], "event_id": "drops", "type": "track", "event_name": "footfall_events_dropped"},
    ]
    site = Site(tmp_path / "site")
    site.land("1", [*lines, *shared, *rare])
    first = site.nightly()
    assert first.returncode == 0, first.stderr
    assert "WARN: every_id_stands_for_one on marts/identity_findings" in first.stderr
    findings = {row[0]: row[1] for row in site.answers()["identity_findings"]}
    assert findings["event_of_nobody"] == 'anonymous_id "undefined"'

    told = Site(tmp_path / "told")
    told.land("1", [*lines, *shared, *rare])
    for each in (site, told):
        project = each.settings.dbt_project / "dbt_project.yml"
        project.write_text(project.read_text().replace("- guest\n", "- guest\n    - kiosk-7\n"))
        assert each.nightly().returncode == 0
    assert site.answers() == told.answers()
    assert "Kiosk-7" not in {row[0] for row in site.answers()["dim_persons"]}


def test_a_nightly_run_waits_for_a_writer_that_dagster_does_not_know_of(tmp_path: Path) -> None:
    """An erasure in a terminal holds the warehouse like this; the nightly run failed at once."""
    site = Site(tmp_path / "site")
    site.land("1", golden_lines())

    with writer_lock(site.settings):
        waiting = site.start_nightly()
        assert waiting.stderr
        said = iter(waiting.stderr.readline, "")
        assert any(f"by process {os.getpid()}: waiting" in line for line in said)
        assert not site.settings.published.exists()
    waiting.communicate()

    assert waiting.returncode == 0
    assert site.settings.published.exists()


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    site = Site(tmp_path / "site")
    site.settings = Settings(home=tmp_path / "file" / "home", dbt_project=site.settings.dbt_project)

    refused = site.nightly()

    assert refused.returncode == 2
    assert refused.stderr.startswith("FOOTFALL_HOME:")


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("FOOTFALL_PORT", "eighty", "FOOTFALL_PORT: Input should be a valid integer"),
        ("FOOTFALL_REPORTING_TIME_ZONE", "Mars/Olympus", "is not an IANA time zone"),
        ("FOOTFALL_MEMORY_LIMIT", "plenty", "FOOTFALL_MEMORY_LIMIT: "),
    ],
)
def test_a_bad_setting_stops_the_program_and_names_the_variable(
    variable: str, value: str, complaint: str
) -> None:
    stopped = subprocess.run(
        [sys.executable, "-m", "orchestration", "nightly"],
        cwd=CHECKOUT,
        env={**os.environ, variable: value},
        text=True,
        capture_output=True,
        check=False,
    )
    assert stopped.returncode == 2
    assert complaint in stopped.stderr
