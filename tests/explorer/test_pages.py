"""Each page shows what its statement answers, and nothing else."""

from __future__ import annotations

from datetime import date
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import pytest

from explorer.pages import PAGES
from explorer.pages.page import Context
from explorer.panels import duration, grid, shown, with_change
from explorer.parameters import read
from tests.explorer.site import Site

#: Each page with parameters that make a difference, on the golden days.
ASKED = [
    "overview?since=2026-01-01&until=2026-12-31",
    "overview?since=2026-01-01&until=2026-12-31&period=month&filter=source_id%3Dweb",
    "trends?since=2026-01-01&until=2026-12-31",
    "trends?event=sign_up&event=page_view&period=week&since=2026-01-01&until=2026-12-31",
    "trends?event=*&by=source_id&measure=persons&since=2026-01-01&until=2026-12-31",
    "funnels?step=sign_up&step=purchase&since=2026-01-01&until=2026-12-31",
    "funnels?step=page_view&step=sign_up&by=source_id&hours=2000&per=day&since=2026-01-01&until=2026-12-31",
    "funnels?step=page_view&step=sign_up&step=purchase&optional=2&since=2026-01-01",
    "funnels?step=page_view&step=sign_up&ordering=any&since=2026-01-01&until=2026-12-31",
    "growth?period=week&action=page_view&by=source_id&since=2026-01-01&until=2026-12-31",
    "retention?since=2026-01-01&until=2026-12-31",
    "retention?period=days&period_days=1&counts=on_or_after&cohorts=recurring&since=2026-01-01&until=2026-12-31",
    "paths?since=2026-01-01&until=2026-12-31",
    "paths?from_action=sign_up&steps=1&since=2026-01-01&until=2026-12-31",
    "growth?since=2026-01-01&until=2026-12-31",
    "revenue?since=2026-01-01&until=2026-12-31",
    "revenue?period=week&by=source_id&since=2026-01-01&until=2026-12-31",
    "cohorts?since=2026-01-01&until=2026-12-31",
    "cohorts?cohort=ever&since=2026-01-01&until=2026-12-31",
    "conversion",
    "funnels?step=page_view&step=sign_up&actor=account&since=2026-01-01&until=2026-12-31",
    "growth?actor=account&by=account&since=2026-01-01&until=2026-12-31",
    "retention?actor=account&since=2026-01-01&until=2026-12-31",
    "trends?actor=account&measure=persons&since=2026-01-01&until=2026-12-31",
    "accounts?since=2026-01-01&until=2026-12-31",
    "accounts?search=ac",
    "accounts?account=acme&since=2026-01-01&until=2026-12-31",
    "experiments",
    "experiments?experiment=plans",
    "experiments?experiment=plans&metric=invites",
    "people",
    "people?search=u",
    "people?person=u1",
    "catalogue",
    "catalogue?search=sign&source=web",
    "trust?since=2026-01-01&until=2026-12-31",
]
#: What the golden days have nothing for.
EMPTY = {"conversion", "people?search=u", "people?person=u1"}


def rows_of(published: Path, statement: str) -> list[dict[str, Any]]:
    """What any client of DuckDB gets for a statement."""
    with duckdb.connect(str(published), read_only=True) as connection:
        cursor = connection.execute(statement)
        columns = [name for name, *_ in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("asked", ASKED)
def test_every_number_is_that_of_the_statement_below_it(golden_site: Site, asked: str) -> None:
    name, _, query = asked.partition("?")
    values = read(PAGES[name].parameters, parse_qsl(query))
    (days,) = rows_of(
        golden_site.published,
        "select min(activity_date) as first, max(activity_date) as last "
        "from marts.fct_daily_actives",
    )
    panels = PAGES[name].panels(values, Context(days["first"], days["last"]))
    page = golden_site.page(f"/{asked}")

    assert page.problems == []
    assert list(page.panels) == [panel.key for panel in panels]
    for panel in panels:
        seen = page.panels[panel.key]
        assert seen.statements == [panel.statement]
        rows = rows_of(golden_site.published, panel.statement)
        texts = [[shown(row[c.name], c.kind) for c in panel.columns] for row in rows]
        if not rows:
            assert panel.empty in unescape(page.text)
        elif panel.layout == "figures":
            assert [figure.strip() for figure in seen.figures] == texts[0]
        elif panel.layout == "grid":
            _, cohorts = grid(rows)
            assert [row[0] for row in seen.cells] == [f"{size:,}" for _, size, _ in cohorts]
            shares = [cell.rstrip("…%") for row in seen.cells for cell in row[1:] if cell]
            assert sorted(shares) == sorted(f"{100 * row['rate']:.0f}" for row in rows)
        else:
            assert seen.cells == texts
    assert any(panel.rows or panel.figures for panel in page.panels.values()) or asked in EMPTY


def test_a_trial_of_an_account_leads_to_the_account_and_one_of_a_person_to_the_person() -> None:
    page = PAGES["conversion"]
    scores, *_ = page.panels(read(page.parameters, []), Context(date(2026, 3, 1), date(2026, 3, 9)))
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute(
            """
            create table marts.fct_trials as
            from (values ('people', 'u1', 'person'), ('companies', 'acme', 'account'))
            as trials(question_name, actor_id, actor)
            """
        )
        connection.execute(
            """
            create table marts.fct_conversion_scores as
            select question_name, actor_id, 'p1' as person_id, 'open' as outcome,
                timestamp '2026-03-02' as as_of, 0.5 as probability, 0.5 as like_rate
            from marts.fct_trials
            """
        )
        cursor = connection.execute(scores.statement)
        names = [name for name, *_ in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    (who,) = [column for column in scores.columns if column.name == "who"]
    assert who.link is not None
    assert [(row["who"], who.link(row)) for row in rows] == [
        ("acme", "/accounts?account=acme"),
        ("p1", "/people?person=p1"),
    ]


def test_the_overview_is_what_the_marts_say(golden_site: Site) -> None:
    (whole,) = rows_of(
        golden_site.published,
        """
        select count(*) as visits, count(distinct person_id) as visitors,
            sum(page_view_count) as views, avg(cast(is_bounce as integer)) as bounce_rate
        from marts.fct_sessions where not is_bot
        """,
    )
    page = golden_site.page("/overview?since=2026-01-01&until=2026-12-31")
    visitors, visits, views, bounces, _ = (each.strip() for each in page.panels["visits"].figures)

    assert visitors == f"{whole['visitors']:,}"
    assert visits == f"{whole['visits']:,}"
    assert views == f"{whole['views']:,.0f}"
    assert bounces == f"{whole['bounce_rate']:.1%}"


def test_revenue_never_adds_currencies(site: Site) -> None:
    with duckdb.connect(str(site.published)) as connection:
        connection.execute(
            """
            update marts.fct_revenue_events
            set is_counted = true, problem = null, amount = 1250.5,
                currency = if(hash(event_id) % 2 = 0, 'EUR', 'JPY')
            """
        )
    expected = rows_of(
        site.published,
        "select currency, count(*) as orders, sum(amount) as amount from marts.fct_revenue_events "
        "group by currency order by currency",
    )
    assert expected
    page = site.page("/revenue?since=2026-01-01&until=2026-12-31")
    assert [(row[0], row[1], row[3]) for row in page.panels["sums"].cells] == [
        (row["currency"], str(row["orders"]), f"{row['amount']:,.2f}") for row in expected
    ]
    assert page.panels["not_counted"].cells == []


def test_the_members_of_a_cohort_are_those_of_the_mart(golden_site: Site) -> None:
    page = golden_site.page("/cohorts?cohort=ever&since=2026-01-01&until=2026-12-31")
    members = rows_of(
        golden_site.published,
        "select person_id from marts.fct_cohort_members where cohort_name = 'ever' "
        "and member_to is null order by member_from, person_id",
    )
    assert [row[0] for row in page.panels["members"].cells] == [row["person_id"] for row in members]
    last = page.panels["sizes"].cells[-1]
    assert last[1:3] == ["ever", str(len(members))]


def test_a_trend_of_persons_is_the_daily_actives(golden_site: Site) -> None:
    page = golden_site.page("/trends?measure=persons&since=2026-01-01&until=2026-12-31")
    actives = rows_of(golden_site.published, "from marts.fct_daily_actives order by activity_date")
    assert [row[:2] for row in page.panels["trend"].cells] == [
        [str(row["activity_date"]), f"{row['daily_actives']:,}"] for row in actives
    ]


def test_each_mark_of_a_chart_says_its_number_and_whether_it_is_over(golden_site: Site) -> None:
    page = golden_site.page("/trends?since=2026-01-01&until=2026-12-31")
    marks = [mark for mark in page.panels["trend"].marks if mark.endswith(("events", "over yet"))]
    assert marks == [
        f"{day}: {number} events" + ("" if complete == "yes" else ", not over yet")
        for day, number, complete in page.panels["trend"].cells
    ]


def test_a_row_of_the_overview_filters_the_page(golden_site: Site) -> None:
    page = golden_site.page("/overview?since=2026-01-01&until=2026-12-31")
    (link,) = (
        [link for link in page.panels["source_id"].links if "web" in link]
        if ("source_id" in page.panels)
        else [next(link for link in page.panels["event_name"].links if "sign_up" in link)]
    )
    filtered = golden_site.page(link)

    assert filtered.problems == []
    assert "filters := ['event_name=sign_up']" in filtered.panels["visits"].statements[0]
    assert filtered.panels["visits"].figures != page.panels["visits"].figures


@pytest.mark.parametrize(
    ("asked", "sentences"),
    [
        ("trends?zz=1", ["This page has no parameter 'zz': it is left out."]),
        ("trends?days=0&period=year", ["'0' is no whole number from 1 to", "'year' is none of"]),
        (
            "trends?since=2026-13-01&until=yesterday",
            ["'2026-13-01' is no day", "'yesterday' is no"],
        ),
        ("trends?since=2026-03-02&until=2026-03-01", ["From is after To: both are left out."]),
        ("trends?event=" + "x" * 1001, ["a value has more than 1,000 characters"]),
        ("trends?period=day&period=week", ["it is given twice"]),
        ("trends?event=nobody_did_this", ["never seen: nobody_did_this"]),
        ("trends?by=contry", ["no dimension is called contry"]),
        ("trends?filter=country", []),
        ("trends?filter=%3D%3D", ["not written as a filter: =="]),
        ("funnels?step=sign_up", ["Name two steps or more."]),
        ("funnels?step=sign_up&step=[", ["["]),
        ("funnels?step=sign_up&step=purchase&optional=1&optional=x", ["'x' is no whole number"]),
        ("overview?source=nowhere", ["no source is called nowhere"]),
        ("overview?since=2031-01-01&until=2031-01-02", ["nothing happened then"]),
        ("people?person=nobody", []),
        ("trust?days=3660", []),
        ("trends?event=%00", ["a value has a character that is none"]),
        ("trends?event=%FF", ["never seen"]),
    ],
)
def test_what_makes_no_sense_gets_a_sentence_and_the_page_stands(
    golden_site: Site, asked: str, sentences: list[str]
) -> None:
    page = golden_site.page(f"/{asked}")
    for sentence in sentences:
        assert any(sentence in problem for problem in page.problems), page.problems
    assert page.problems if sentences else not page.problems
    assert page.text.rstrip().endswith("</html>")


def test_what_revenue_is_broken_down_by_is_told_first_and_so_is_a_mistake_in_it() -> None:
    page = PAGES["revenue"]
    panels = page.panels(
        read(page.parameters, [("by", "contry")]), Context(date(2026, 3, 1), date(2026, 3, 9))
    )
    assert panels[0].key == "values"
    assert "contry" in panels[0].statement


def test_there_is_a_sentence_for_an_address_that_is_no_page(golden_site: Site) -> None:
    for path in ("/nope", "/trends/trend.exe", "/nope/trend.csv", "/trends/nope.csv", "/a/b/c"):
        answered = golden_site.get(path)
        assert answered.status == 404
        assert "There is no such page. The pages are: Overview, Trends" in answered.text


def test_only_the_names_of_the_site_are_answered(golden_site: Site) -> None:
    assert golden_site.get("/trends", Host="rebound.example").status == 400
    assert golden_site.get("/healthz").text == "ok\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3_599, "59 min 59 s"), (3_600, "1 h 0 min"),
     (86_399, "23 h 59 min"), (90_000, "1 d 1 h"), (1e7, "115 d 17 h")],
)  # fmt: skip
def test_a_duration_has_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_change_is_told_only_where_it_means_something() -> None:
    assert with_change(12, 10) == "+20%"
    assert with_change(8, 10) == "-20%"
    assert with_change(10, 10) == "±0%"
    assert with_change(10, 0) == with_change(None, 10) == with_change(10, None) == ""


def test_an_experiment_is_shown_with_its_verdict_and_a_chart_of_its_days(site: Site) -> None:
    with duckdb.connect(str(site.published)) as connection:
        connection.execute(
            """
            update marts.fct_experiment_results
            set difference = 0.125, always_low = -0.05, always_high = 0.3, verdict = 'Wait.'
            where experiment_name = 'plans' and metric_name = 'buys' and not is_control
            """
        )
    page = site.page("/experiments?experiment=plans")
    assert "Wait." in page.text
    (row,) = [row for row in page.panels["conversions"].cells if row[2] == "1"]
    assert row[6:9] == ["12.5%", "-5.0%", "30.0%"]
    assert "1: 0.125 (-0.05 to 0.3)" in page.text
    listed = site.page("/experiments")
    assert 'href="/experiments?experiment=plans"' in listed.text
