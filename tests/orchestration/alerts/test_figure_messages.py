"""What is said of a site's own figures: when bounds are left and kept again, and each week."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from explorer.published import Published
from explorer.report_days import Told, note_told, report_path, told
from ingestion.settings import Settings
from orchestration import report_asset
from orchestration.alerts.channels import Alert
from orchestration.alerts.figure_messages import messages
from tests.explorer.conftest import home_of

#: Four visitors came on this Monday, one on the days beside it.
BUSY = date(2026, 3, 2)
QUIET = date(2026, 3, 3)
VISITORS = {"title": "Visitors", "question": "visits", "column": "visitors"}


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    return home_of(published, tmp_path)


@pytest.fixture
def questions(home: Path) -> Iterator[Published]:
    each = Published(home / "published" / "footfall.duckdb", threads=1, memory="1GB", seconds=60)
    yield each
    each.close()


def write(home: Path, *figures: dict[str, Any]) -> None:
    (home / "watched_figures.yml").write_text(yaml.safe_dump(list(figures)))


def test_a_figure_is_told_when_it_leaves_its_bounds_and_when_it_is_back(
    home: Path, questions: Published
) -> None:
    write(home, VISITORS | {"at_most": 1}, VISITORS | {"title": "Any", "at_least": 0})

    (begun,), is_open = messages(questions, home, BUSY, Told(BUSY - timedelta(days=1), ()))
    still, still_open = messages(questions, home, BUSY, Told(BUSY, is_open))
    (over,), nothing_open = messages(questions, home, QUIET, Told(BUSY, is_open))
    never, _ = messages(questions, home, QUIET, Told(BUSY, ()))

    assert begun == Alert(
        "Footfall: 1 figure of 2026-03-02 out of bounds", "Visitors: 4 (at most 1)"
    )
    assert (still, still_open) == ([], is_open) == ([], ("Visitors",))
    assert over == Alert(
        "Footfall: 1 figure of 2026-03-03 within bounds again",
        "Visitors: 1 (at most 1)",
        is_good=True,
    )
    assert (nothing_open, never) == ((), [])


def test_the_digest_is_sent_once_for_each_week_that_is_over(
    home: Path, questions: Published
) -> None:
    write(home, VISITORS | {"weekly": True}, VISITORS | {"title": "Daily"})
    sunday = date(2026, 3, 15)
    report_path(home, sunday).parent.mkdir()
    report_path(home, sunday).touch()

    on_saturday, _ = messages(
        questions, home, sunday - timedelta(days=1), Told(sunday - timedelta(days=2), ())
    )
    (on_sunday,), _ = messages(questions, home, sunday, Told(sunday - timedelta(days=1), ()))
    # No run for three days, and then one.
    (late,), _ = messages(
        questions, home, sunday + timedelta(days=3), Told(sunday - timedelta(days=1), ())
    )
    after, _ = messages(questions, home, sunday + timedelta(days=3), Told(sunday, ()))
    (first,), _ = messages(questions, home, sunday + timedelta(days=3), None)

    assert on_saturday == after == []
    assert on_sunday == late == first
    assert on_sunday.title == "Footfall: the week from 2026-03-09 to 2026-03-15"
    figure, report = on_sunday.text.splitlines()
    assert figure == "Visitors: 3 (-40%, before: 5)"
    assert report == f"Report: {report_path(home, sunday)}"


def test_what_is_wrong_with_the_file_is_told_once(home: Path, questions: Published) -> None:
    write(home, VISITORS | {"question": "visit"}, VISITORS | {"column": "visitor", "weekly": True})

    (told_of,), is_open = messages(questions, home, QUIET, Told(BUSY, ()))
    again, _ = messages(questions, home, QUIET, Told(BUSY, is_open))

    assert told_of.title == "Footfall: figures that are not watched"
    assert [line.partition(": ")[0] for line in told_of.text.splitlines()] == [
        str(home / "watched_figures.yml"),
        "Visitors",
    ]
    assert again == []


def test_without_figures_nothing_is_said(home: Path, questions: Published) -> None:
    assert messages(questions, home, QUIET, None) == ([], ())


@pytest.mark.parametrize("text", ["", "2026-03-02", "[]", '{"day": "soon", "open": []}', "{}"])
def test_a_note_of_what_was_told_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    noted = Told(BUSY, ("Visitors",))
    note_told(tmp_path, noted)
    assert told(tmp_path) == noted
    (tmp_path / "reports" / ".told.json").write_text(text)
    assert told(tmp_path) is None


def test_a_run_tells_each_day_once_even_if_one_was_killed_while_it_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, VISITORS | {"at_least": 10**6})
    sent: list[str] = []

    def send(_: Settings, alert: Alert) -> bool:
        sent.append(alert.title)
        if len(sent) == 1:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(report_asset, "send", send)
    asset = report_asset.report_asset(Settings(home=home))

    with pytest.raises(KeyboardInterrupt):
        dg.materialize([asset])
    results = [dg.materialize([asset]) for _ in range(2)]

    assert [result.success for result in results] == [True, True]
    assert len(sent) == 2
    assert len(set(sent)) == 1
    (noted,) = (home / "reports").glob("*.html")
    assert told(home) == Told(date.fromisoformat(noted.stem), ("Visitors",))
    # A report that somebody deletes is written again. It is no reason to tell once more.
    noted.unlink()
    assert dg.materialize([asset]).success
    assert noted.exists()
    assert len(sent) == 2
