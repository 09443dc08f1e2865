"""Plausible exports totals of days: they are kept as figures, and never become events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.importer.conftest import Desk
from tests.ingestion.importer.test_importer import zipped

HEADER = "source_id,activity_date,metric,event_name,total"
#: As an export of a site has them, and as an export of a dashboard.
SITE = b"date,visitors,pageviews,bounces,visits,visit_duration\n2024-03-01,90,300,20,100,5000\n"
DASHBOARD = b"date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration\n"
SOURCES = b"date,source,visitors,visits\n2024-03-01,Google,50,60\n"


@pytest.fixture
def seed(desk: Desk) -> Path:
    """A seed of a site of its own, with a row by hand."""
    project = desk.folder / "project"
    (project / "seeds").mkdir(parents=True)
    desk.site.settings = desk.site.settings.model_copy(update={"dbt_project": project})
    path = project / "seeds" / "source_totals.csv"
    path.write_text(f"{HEADER}\napp,2024-03-01,events,sign_up,7\n")
    return path


def test_totals_of_days_are_kept_and_no_event_is_made_of_them(desk: Desk, seed: Path) -> None:
    export = zipped(
        **{"imported_visitors_csv": SITE + b"2024-03-02,80,,10,95,10\n", "sources_csv": SOURCES}
    )
    done = desk.run("plausible", desk.write("a.zip", export), "--source", "web")
    assert done.code == 0
    assert "from 2024-03-01 to 2024-03-02" in done.out
    assert "5 totals of 2 days: 5 new or changed written to" in done.out
    assert seed.read_text().splitlines() == [
        HEADER,
        "app,2024-03-01,events,sign_up,7",
        "web,2024-03-01,page_views,,300",
        "web,2024-03-01,visitors,,90",
        "web,2024-03-01,visits,,100",
        "web,2024-03-02,visitors,,80",
        "web,2024-03-02,visits,,95",
    ]
    assert desk.files() == {}


def test_a_later_export_replaces_the_days_it_has_and_the_same_one_nothing(
    desk: Desk, seed: Path
) -> None:
    desk.run("plausible", desk.write("a.csv", SITE), "--source", "web")
    before = seed.read_text()
    done = desk.run("plausible", desk.folder / "a.csv", "--source", "web")
    assert "3 totals of 1 day: 0 new or changed written" in done.out
    assert seed.read_text() == before
    later = desk.write("visitors.csv", DASHBOARD + b"2024-03-01,91,300,100,3.0,20,50\n")
    done = desk.run("plausible", "--dry-run", later, "--source", "web")
    assert "1 new or changed would be written" in done.out
    assert seed.read_text() == before
    desk.run("plausible", later, "--source", "web")
    assert seed.read_text() == before.replace(",90\n", ",91\n")


def test_files_that_have_no_totals_of_days_are_told(desk: Desk, seed: Path) -> None:
    before = seed.read_text()
    monthly = SITE + b"2024-04-01,80,250,10,95,10\n"
    for content, sentence in (
        (monthly, "a.csv has no two days in a row: export it by day"),
        (SOURCES, "a.csv is no export of Plausible"),
        (SITE.replace(b",90,", b",many,"), "line 2 of"),
        (b"", "a.csv is no export of Plausible"),
    ):
        done = desk.run("plausible", desk.write("a.csv", content), "--source", "web")
        assert (done.code, sentence in done.err) == (1, True), done.err
    assert seed.read_text() == before


def test_of_a_damaged_seed_nothing_is_lost(desk: Desk, seed: Path) -> None:
    seed.write_text("source_id,day\nweb,2024-03-01\n")
    done = desk.run("plausible", desk.write("a.csv", SITE))
    assert (done.code, "cannot be read, and nothing is written to it" in done.err) == (1, True)
    assert seed.read_text() == "source_id,day\nweb,2024-03-01\n"
