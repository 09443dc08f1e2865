"""What the explorer does with a file that is missing, replaced, old, empty or hostile."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from explorer.application import AT_ONCE
from explorer.pages import PAGES
from explorer.pages.page import Page as ExplorerPage
from explorer.panels import Column, Panel
from explorer.published import NoAnswer, Published
from tests.explorer.conftest import home_of
from tests.explorer.site import Page, Site, serving

#: Takes minutes, and little memory.
SLOW = (
    "select count(*) as n from range(1000000000) as a, range(100) as b where a.range % 7 = b.range"
)
DAYS = "since=2026-01-01&until=2026-12-31"


@pytest.fixture
def slow_page(monkeypatch: pytest.MonkeyPatch) -> str:
    panel = Panel("slow", "Slow", SLOW, [Column("n", "N", "number")], "A count.")
    page = ExplorerPage("slow", "Slow", "How slow?", (), lambda values, context: [panel])
    monkeypatch.setitem(PAGES, "slow", page)
    return "/slow"


def test_without_a_published_file_every_page_says_how_to_get_one(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        for name in PAGES:
            (problem,) = site.page(f"/{name}").problems
            assert "Nothing is published yet" in problem
            assert "make nightly" in problem
        assert site.get("/trends/trend.csv").status == 422


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "footfall.duckdb").write_text("no database" * 1000)
    with serving(tmp_path) as site:
        (problem,) = site.page("/trends").problems
        assert f"{site.published} cannot be opened" in problem


def test_a_file_of_an_older_version_costs_only_the_questions_that_it_does_not_know(
    site: Site,
) -> None:
    with duckdb.connect(str(site.published)) as connection:
        connection.execute("drop macro table visits")
        connection.execute("drop table marts.identity_findings")
    overview = site.page(f"/overview?{DAYS}")
    assert any("run `make nightly` once" in problem for problem in overview.problems)
    assert overview.panels["last_day"].figures
    trust = site.page("/trust")
    assert len(trust.problems) == 1
    assert trust.panels["ledger"].statements


def test_marts_without_a_row_are_said_to_be_empty(site: Site) -> None:
    with duckdb.connect(str(site.published)) as connection:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall():
            connection.execute(f"delete from marts.{table}")
    for name in PAGES:
        (problem,) = site.page(f"/{name}").problems
        assert "has no events yet" in problem


def test_one_day_of_data_fills_every_page(site: Site) -> None:
    with duckdb.connect(str(site.published)) as connection:
        (day,) = connection.execute(
            "select mode(session_date) from marts.fct_sessions where not is_bot"
        ).fetchall()[0]
        for table, date in (
            ("fct_daily_actives", "activity_date"),
            ("fct_events", "cast(occurred_at as date)"),
            ("fct_sessions", "session_date"),
        ):
            connection.execute(f"delete from marts.{table} where {date} <> ?", [day])
    for name in PAGES:
        steps = "?step=page_view&step=*" if name == "funnels" else ""
        assert site.page(f"/{name}{steps}").problems == [], name


def test_a_new_published_file_is_seen_without_a_restart(site: Site) -> None:
    before = site.page("/catalogue")
    other = site.home / "other.duckdb"
    shutil.copyfile(site.published, other)
    with duckdb.connect(str(other)) as connection:
        connection.execute("update marts.dim_events set event_name = 'of_the_new_file'")
    os.replace(other, site.published)
    after = site.page("/catalogue")
    assert before.panels["events"].cells[0][0] != "of_the_new_file"
    assert after.panels["events"].cells[0][0] == "of_the_new_file"


def test_a_question_that_runs_while_the_file_is_replaced_answers_from_the_file_it_began_with(
    site: Site,
) -> None:
    published = Published(site.published, threads=1, memory="500MB", seconds=60)
    with published.query() as query:
        assert query.rows("select 1").rows == [(1,)]
        whole = query.rows("select count(*) from marts.fct_events").rows
        os.replace(site.published, site.home / "gone.duckdb")
        assert query.rows("select count(*) from marts.fct_events").rows == whole
        with pytest.raises(NoAnswer, match="Nothing is published yet"):
            published.edge()
    published.close()


def test_a_slow_answer_says_so_and_can_be_cancelled(site: Site, slow_page: str) -> None:
    with urllib.request.urlopen(site.address + slow_page) as answer:
        begun = b""
        while b"Asking since" not in begun:
            begun += answer.read1()
        (token,) = set(re.findall(r'action="(/cancel/[^"]+)"', begun.decode()))
        assert site.post(token, {}).status == 204
        page = Page((begun + answer.read()).decode())
    assert page.problems == ["The question was cancelled."]
    assert site.post(token, {}).status == 204


def test_a_question_that_waits_for_its_turn_can_be_cancelled(
    site: Site, slow_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (panel,) = PAGES["slow"].panels(None, None)  # type: ignore[arg-type]
    panels = [replace(panel, key=f"slow{number}") for number in range(AT_ONCE + 1)]
    page = replace(PAGES["slow"], panels=lambda values, context: panels)
    monkeypatch.setitem(PAGES, "slow", page)
    with urllib.request.urlopen(site.address + slow_page) as answer:
        begun = b""
        for _ in panels:
            while not (found := re.findall(rb'action="(/cancel/[^"]+)"', begun)):
                begun += answer.read1()
            # The first two run; ending them lets the third begin, which is cancelled in its turn.
            assert site.post(found[-1].decode(), {}).status == 204
            while begun.count(b"The question was cancelled.") == 0:
                begun += answer.read1()
            begun = begun.partition(b"The question was cancelled.")[2]
        begun += answer.read()
    assert b"</html>" in begun


def test_a_question_that_nobody_awaits_any_more_is_ended(site: Site, slow_page: str) -> None:
    with urllib.request.urlopen(site.address + slow_page) as answer:
        begun = b""
        while b"Asking since" not in begun:
            begun += answer.read1()
        assert len(site.explorer._ends) == 1
    for _ in range(200):
        if not site.explorer._ends:
            break
        time.sleep(0.05)
    assert not site.explorer._ends


def test_a_question_has_a_limit_of_time_and_of_memory(
    published: Path, tmp_path: Path, slow_page: str
) -> None:
    with serving(home_of(published, tmp_path), seconds=0.5) as site:
        (problem,) = site.page(slow_page).problems
    assert "took longer than 0.5 seconds" in problem
    assert "FOOTFALL_EXPLORER_SECONDS" in problem
    large = Published(site.published, threads=1, memory="30MB", seconds=60)
    with large.query() as query, pytest.raises(NoAnswer, match="FOOTFALL_EXPLORER_MEMORY"):
        query.rows("select list(a.range || 'long enough') from range(30000000) as a")
    large.close()


def test_no_file_but_the_published_one_can_be_read(site: Site) -> None:
    published = Published(site.published, threads=1, memory="500MB", seconds=60)
    with published.query() as query:
        for statement in ("from '/etc/passwd'", "copy (select 1) to '/tmp/x.csv'", "attach 'x.db'"):
            with pytest.raises(NoAnswer):
                query.rows(statement)
        with pytest.raises(NoAnswer):
            query.rows("delete from marts.fct_events")
    published.close()


def test_two_viewers_are_served_while_files_are_replaced(site: Site) -> None:
    problems: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            problems.extend(site.page("/catalogue").problems)

    viewers = [threading.Thread(target=watch) for _ in range(2)]
    for viewer in viewers:
        viewer.start()
    for number in range(10):
        copy = site.home / f"{number}.duckdb"
        shutil.copyfile(site.published, copy)
        os.replace(copy, site.published)
        time.sleep(0.05)
    over.set()
    for viewer in viewers:
        viewer.join()
    assert problems == []


#: Names that strangers may send. None may become markup, SQL or a formula.
NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "it's; drop table marts.fct_events --",
    "{{ 7 * 7 }}",
    "\u202eright to left",
    "שלום",
    "🛒 bought",
    "a|b [c=d]",
]


@pytest.fixture
def hostile(site: Site) -> Site:
    with duckdb.connect(str(site.published)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "select event_name from marts.dim_events group by 1 order by sum(event_count) desc"
            ).fetchall()
        ]
        for name, other in zip(names, NAMES, strict=False):
            for table in ("dim_events", "fct_events"):
                connection.execute(
                    f"update marts.{table} set event_name = ? where event_name = ?", [other, name]
                )
        connection.execute("update marts.dim_persons set traits = ?", [f'{{"name": "{NAMES[0]}"}}'])
    return site


def test_names_of_strangers_are_texts_in_every_page_and_picture(hostile: Site) -> None:
    first = urllib.parse.quote(NAMES[0])
    for path in (
        "overview",
        f"trends?event={first}&event={urllib.parse.quote(NAMES[2])}",
        f"funnels?step={first}&step=*&days=3000",
        "paths?days=3000",
        "people",
        "catalogue",
        f"trends?by=event_name&days=3000&filter=event_name%3D%22{first}%22",
    ):
        page = hostile.page(f"/{path}")
        assert page.problems == [], path
        for tag in ("<script>alert", "<img"):
            assert tag not in page.text, path
    assert NAMES[1] in {row[0] for row in hostile.page("/catalogue").panels["events"].cells}
