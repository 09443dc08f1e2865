"""Answers that are kept: asked once of a file, and never of another."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from explorer import application
from explorer.application import Explorer
from explorer.pages import PAGES
from explorer.pages.page import Page
from explorer.panels import Column, Panel
from explorer.published import Answer, Kept, NoAnswer, Published, Query
from tests.explorer.conftest import home_of


def answer(rows: int) -> Answer:
    return Answer(("n",), [(number,) for number in range(rows)], is_cut=False, seconds=0.1)


def test_the_answers_asked_for_last_are_kept_as_far_as_their_rows_fit() -> None:
    kept = Kept(5)
    kept.keep("a", answer(2))
    kept.keep("b", answer(0))
    kept.keep("c", answer(2))
    assert kept.get("a")
    kept.keep("d", answer(2))
    assert kept.get("b") is None
    assert kept.get("c") is None
    assert kept.get("a")
    assert kept.get("d")
    kept.keep("e", answer(6))
    assert [kept.get(statement) for statement in "abcde"] == [None] * 5


def test_without_rows_to_keep_nothing_is_kept(published: Path) -> None:
    file = Published(published, threads=1, memory="500MB", seconds=60)
    with file.query() as query:
        query.rows("select 1")
    assert file.kept("select 1") is None
    file.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that a file was asked."""
    statements: list[str] = []
    rows = Query.rows

    def counted(query: Query, statement: str) -> Answer:
        statements.append(statement)
        return rows(query, statement)

    monkeypatch.setattr(Query, "rows", counted)
    return statements


def explorer_of(home: Path) -> tuple[Explorer, Published]:
    published = Published(
        home / "published" / "footfall.duckdb",
        threads=1,
        memory="500MB",
        seconds=60,
        kept_rows=1000,
    )
    return Explorer(published, home=home, time_zone="UTC", manifest=home / "none"), published


def replace(home: Path, change: str) -> None:
    """Publish the file anew, after a change."""
    path = home / "published" / "footfall.duckdb"
    other = home / "other.duckdb"
    shutil.copyfile(path, other)
    with duckdb.connect(str(other)) as connection:
        connection.execute(change)
    os.replace(other, path)


def test_the_same_question_is_asked_once_of_a_file_and_anew_of_the_next(
    published: Path, tmp_path: Path, asked: list[str]
) -> None:
    explorer, _ = explorer_of(home_of(published, tmp_path))
    counts = "select count(*) as n from marts.dim_events"
    panel = Panel("n", "N", counts, [Column("n", "N", "number")], "A count.")

    def count() -> int:
        found, _ = asyncio.run(explorer._answered(panel, "token"))
        return int(found.rows[0][0])

    before = count()
    assert count() == before
    assert asked == [counts]

    replace(tmp_path, "delete from marts.dim_events")
    assert count() == 0 < before
    assert asked == [counts, counts]

    (tmp_path / "published" / "footfall.duckdb").unlink()
    with pytest.raises(NoAnswer, match="Nothing is published yet"):
        count()
    explorer.close()


def test_the_first_page_of_a_new_file_is_ready_before_somebody_asks(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = ["select 1 as n", "select no_such_column as n", "select 2 as n"]
    panels = [Panel(each, each, each, [Column("n", "N")], "A number.") for each in statements]
    page = Page("overview", "Overview", "What?", (), lambda values, context: panels)
    monkeypatch.setitem(PAGES, "overview", page)
    monkeypatch.setattr(application, "LOOK_SECONDS", 0.01)
    explorer, file = explorer_of(home_of(published, tmp_path))

    async def ready() -> None:
        keeping = asyncio.create_task(explorer.keep_ready())
        while not file.kept(statements[-1]):
            assert not keeping.done()
            await asyncio.sleep(0.01)
        replace(tmp_path, "update meta.published set version = 'next'")
        # Nobody looked at the last one, so this one is made ready for nobody.
        await asyncio.sleep(0.1)
        assert file.kept(statements[-1]) is None
        explorer._is_read = True
        while not file.kept(statements[-1]):
            assert not keeping.done()
            await asyncio.sleep(0.01)
        explorer.end()
        await keeping

    asyncio.run(asyncio.wait_for(ready(), 60))
    assert file.kept(statements[0])
    explorer.close()
