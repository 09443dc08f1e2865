"""The report of a day: one page that needs no server, and is written once."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest

from explorer.published import Published
from explorer.report import report_panels, write_report
from explorer.report_days import last_day_over, report_path
from tests.explorer.conftest import home_of
from tests.explorer.site import Page
from tests.explorer.test_pages import rows_of


@pytest.fixture
def file(published: Path, tmp_path: Path) -> Path:
    return home_of(published, tmp_path) / "published" / "footfall.duckdb"


def opened(file: Path) -> Published:
    return Published(file, threads=1, memory="1GB", seconds=60)


def test_the_report_is_that_of_the_last_day_that_is_over(file: Path, tmp_path: Path) -> None:
    published = opened(file)
    day = last_day_over(published)
    (last,) = rows_of(
        file, "select max(activity_date) as day from marts.fct_daily_actives where is_complete"
    )
    assert day == last["day"]
    path = write_report(published, tmp_path, day, "UTC")
    published.close()

    assert path == report_path(tmp_path, day)
    assert list(path.parent.iterdir()) == [path]


def test_the_report_needs_nothing_but_itself(file: Path, tmp_path: Path) -> None:
    published = opened(file)
    text = write_report(published, tmp_path, date(2026, 3, 20), "UTC").read_text()
    published.close()

    page = Page(text)
    assert page.problems == []
    assert not re.search(r"<(script|link|img|iframe|a|form)\b|@import|url\((?!#)", text)
    assert re.findall(r"https?://[^\"' <]+", text.replace("http://www.w3.org/", "")) == []
    assert "<svg" in text


def test_every_number_of_the_report_is_that_of_its_statement(file: Path, tmp_path: Path) -> None:
    published = opened(file)
    day = date(2026, 3, 20)
    panels = report_panels(published.edge(), day)
    page = Page(write_report(published, tmp_path, day, "UTC").read_text())
    published.close()
    statements = [statement for panel in page.panels.values() for statement in panel.statements]
    assert statements == [panel.statement for panel in panels]
    for panel in panels:
        rows = rows_of(file, panel.statement)
        if panel.layout == "table":
            assert len(page.panels[panel.key].cells) == len(rows)


def test_a_change_is_explained_by_the_values_that_changed_most(file: Path, tmp_path: Path) -> None:
    published = opened(file)
    (contributions,) = [
        panel
        for panel in report_panels(published.edge(), date(2026, 3, 20))
        if panel.key == "contributions"
    ]
    published.close()
    rows = rows_of(file, contributions.statement)
    assert rows
    assert all(row["change"] == row["visitors"] - row["visitors_before"] for row in rows)
    changes = [abs(row["change"]) for row in rows]
    assert changes == sorted(changes, reverse=True)


def test_the_report_names_new_and_vanished_events_and_what_was_restated(
    file: Path, tmp_path: Path
) -> None:
    day = date(2026, 3, 20)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "update marts.dim_events set first_seen_at = '2026-01-01', last_seen_at = '2026-03-18'"
        )
        for name, column, value in (
            ("<b>new</b>", "first_seen_at", "2026-03-19"),
            ("gone", "last_seen_at", "2026-03-10"),
        ):
            connection.execute(
                f"insert into marts.dim_events select * replace (? as event_name, "
                f"cast(? as timestamp) as {column}) from marts.dim_events limit 1",
                [name, value],
            )
    published = opened(file)
    page = Page(write_report(published, tmp_path, day, "UTC").read_text())
    published.close()
    assert [row[0] for row in page.panels["new_events"].cells] == ["<b>new</b>"]
    assert [row[0] for row in page.panels["vanished_events"].cells] == ["gone"]
    assert "<b>new</b>" not in page.text


def test_a_panel_that_fails_costs_no_other(file: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("drop table marts.restatements")
    published = opened(file)
    page = Page(write_report(published, tmp_path, date(2026, 3, 20), "UTC").read_text())
    published.close()
    (problem,) = page.problems
    assert "run `make nightly` once" in problem
    assert page.panels["ledger"].rows
