"""The report of a day: one page that needs no server, and is written once."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest

from explorer.panels import shown
from explorer.published import Published
from explorer.report import report_panels, write_report
from explorer.report_days import last_day_over, report_path
from tests.explorer.conftest import home_of
from tests.explorer.site import Page
from tests.explorer.test_pages import rows_of
from tests.selling import sell


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
    answers = {panel.key: rows_of(file, panel.statement) for panel in panels}
    told = [panel for panel in panels if answers[panel.key] or panel.empty]
    statements = [statement for panel in page.panels.values() for statement in panel.statements]
    assert statements == [panel.statement for panel in told]
    for panel in told:
        texts = [[shown(row[c.name], c.kind) for c in panel.columns] for row in answers[panel.key]]
        if panel.layout == "table":
            assert page.panels[panel.key].cells == texts
        if panel.layout == "figures":
            assert [each.strip() for each in page.panels[panel.key].figures] == texts[0]


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


def test_the_report_says_of_a_business_what_the_questions_answer(
    file: Path, tmp_path: Path
) -> None:
    day = date(2026, 3, 20)
    with duckdb.connect(str(file)) as connection:
        sell(
            connection,
            ("order", "EUR", 20.5, "2026-03-14"),
            ("refund", "EUR", 5.25, "2026-03-20"),
            ("order", "JPY", 1000, "2026-03-20"),
            ("order", "EUR", 10, "2026-03-13"),
        )
        connection.execute(
            """
            update marts.fct_account_days
            set activity_date = if(account_id = 'acme', date '2026-03-14', date '2026-03-13');

            update marts.fct_experiment_results
            set result_date = result_date - 12, persons = if(is_control, 30, 10),
                verdict = 'Wait for ' || variant || '.';
            """
        )
    published = opened(file)
    panels = Page(write_report(published, tmp_path, day, "UTC").read_text()).panels
    published.close()

    week, before = ("since := date '2026-03-14', until := date '2026-03-20'",
                    "since := date '2026-03-07', until := date '2026-03-13'")  # fmt: skip
    sold = {row["currency"]: row for row in rows_of(file, f"from revenue({week})")}
    sold_before = {row["currency"]: row for row in rows_of(file, f"from revenue({before})")}
    assert sold_before.keys() < sold.keys()
    money = ("gross_amount", "refunded_amount", "net_amount")
    for currency, *cells in panels["revenue"].cells:
        then = sold_before.get(currency, dict.fromkeys(("orders", *money), 0))
        now = sold.pop(currency)
        assert cells == [
            *(shown(now[name], "number") for name in ("orders", "buyers")),
            *(shown(now[name], "decimal") for name in money),
            shown(then["orders"], "number"),
            *(shown(then[name], "decimal") for name in money),
        ]
    assert not sold

    assert [each.strip() for each in panels["accounts"].figures[:2]] == ["1", "1"]
    assert panels["accounts"].statements[0].count("2026-03-13") == 2

    sizes = {
        (row["cohort_name"], str(row["activity_date"])): row["members"]
        for row in rows_of(file, "from cohort_sizes()")
    }
    assert {(row[0], row[5]) for row in panels["cohorts"].cells} == {
        (name, str(members)) for (name, of), members in sizes.items() if of == "2026-03-20"
    }
    for name, _, members_before, joined, departed, members, change in panels["cohorts"].cells:
        assert int(members_before) == sizes[name, "2026-03-13"]
        assert int(members) - int(members_before) == int(change) == int(joined) - int(departed)
    assert any(row[-1] != "0" for row in panels["cohorts"].cells)

    seen = [row for row in panels["experiments"].cells if row[0] == "plans"]
    results = rows_of(file, "select distinct on (variant) * from experiment('plans')")
    persons = sum(row["persons"] for row in results)
    assert sorted(seen) == sorted(
        [
            "plans",
            row["variant"],
            shown(row["is_control"], "yes"),
            shown(row["persons"], "number"),
            shown(row["persons"] / persons, "share"),
            shown(row["planned_persons"], "number"),
            shown(row["days_until_planned"], "number"),
            shown(row["ratio_p_value"], "share"),
            row["verdict"],
        ]
        for row in results
    )
    for key, kinds in (("rates", "= 'conversion'"), ("means", "<> 'conversion'")):
        asked = rows_of(file, f"from experiment('plans') where metric_kind {kinds}")
        found = [row[1:4:2] for row in panels[f"experiment_{key}"].cells if row[0] == "plans"]
        assert found == [[row["metric_name"], row["variant"]] for row in asked]


def test_a_site_without_a_business_gets_a_sentence_for_each_part(
    file: Path, tmp_path: Path
) -> None:
    with duckdb.connect(str(file)) as connection:
        for mart in ("revenue_events", "account_days", "cohort_days", "experiment_results"):
            connection.execute(f"delete from marts.fct_{mart}")
    published = opened(file)
    page = Page(write_report(published, tmp_path, date(2026, 3, 20), "UTC").read_text())
    published.close()

    assert page.problems == []
    for sentence in (
        "Nothing was sold.",
        "No event names an account.",
        "No cohort is defined.",
        "No experiment ran in this week.",
    ):
        assert page.text.count(f"<p>{sentence}</p>") == 1
    assert not any(key.startswith("experiment_") for key in page.panels)
