"""Questions and notes that a team writes down."""

from __future__ import annotations

import os

import yaml

from tests.explorer.site import Site

DAYS = "since=2026-03-01&until=2026-03-31"


def test_a_question_that_is_saved_is_a_file_and_its_link_asks_it_again(site: Site) -> None:
    asked = f"event=sign_up&event=page_view&{DAYS}"
    saved = site.post(f"/saved/trends?{asked}", {"title": " Sign-ups: März & co "})
    path = site.home / "questions" / "sign-ups-m-rz-co.yml"

    assert saved.status == 200
    assert yaml.safe_load(path.read_text()) == {
        "title": "Sign-ups: März & co",
        "page": "trends",
        "parameters": {
            "event": ["sign_up", "page_view"],
            "since": ["2026-03-01"],
            "until": ["2026-03-31"],
        },
    }
    assert (
        f'<a href="/trends?{asked.replace("&", "&amp;")}">Sign-ups: März &amp; co</a>' in saved.text
    )
    assert os.listdir(path.parent) == [path.name]


def test_nobodys_question_is_replaced(site: Site) -> None:
    site.post(f"/saved/trends?{DAYS}", {"title": "Mine"})
    again = site.post("/saved/growth", {"title": "mine!"})
    assert again.status == 422
    assert "mine.yml already: choose another title" in again.text
    assert "page: trends" in (site.home / "questions" / "mine.yml").read_text()


def test_only_a_form_of_these_pages_saves(site: Site) -> None:
    foreign = site.post("/saved/trends", {"title": "x"}, **{"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 404
    assert site.post("/saved/trends", {"title": "../.."}).status == 422
    assert site.post("/saved/trends", {}).status == 422
    assert site.post("/saved/trends", {"title": "x" * 5_000}).status == 413
    assert site.post("/saved/nope", {"title": "x"}).status == 404
    assert not (site.home / "questions").exists()


def test_a_file_that_cannot_be_meant_is_named_and_costs_no_other(site: Site) -> None:
    folder = site.home / "questions"
    folder.mkdir()
    for name, text in {
        "a": "title: Good\npage: growth",
        "b": "title: [",
        "c": "just a text",
        "d": "title: x\npage: nope",
        "e": "title: x\npage: trends\nparameters: {period: year}",
        "f": "title: x\npage: trends\nparameters: [period]",
    }.items():
        (folder / f"{name}.yml").write_text(text)
    (folder / "g.yml").write_bytes(b"title: \xff")
    page = site.page("/saved")

    assert '<a href="/growth?">Good</a>' in page.text
    assert len(page.problems) == 6
    for name, sentence in {
        "b": "b.yml is left out: ",
        "c": "a question has a title, a page and parameters",
        "d": "page is one of overview, trends",
        "e": "'year' is none of hour, day, week, month",
        "f": "parameters are names with values",
        "g": "g.yml is left out: ",
    }.items():
        assert any(f"{name}.yml" in each and sentence in each for each in page.problems)


def test_a_note_is_a_line_on_the_axis_of_time(site: Site) -> None:
    notes = site.home / "annotations.yml"
    notes.write_text(
        "- {day: 2026-03-05, text: New <prices>}\n"
        "- {day: 2025-01-01, text: Long ago}\n"
        "- {day: soon}\n"
    )
    page = site.page(f"/trends?{DAYS}")
    assert "2026-03-05: New <prices>" in page.panels["trend"].marks
    assert not any("Long ago" in mark for mark in page.panels["trend"].marks)
    assert page.problems == [
        f"{notes}: note 3 is left out; write - {{day: 2026-11-02, text: New prices}}"
    ]

    notes.write_text("- {day: [")
    assert site.page(f"/trends?{DAYS}").problems[0].startswith(f"{notes} cannot be read: ")

    notes.write_text("- {day: 2026-02-30, text: No such day}")
    assert site.page(f"/trends?{DAYS}").problems == [
        f"{notes} cannot be read: day is out of range for month"
    ]
