"""A definition that makes no sense is refused with its file, its line and what to write instead."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import Settings
from orchestration.definition_files import MistakenSeeds, names_seen, refuse_mistakes
from transformation.definition_rules import COLUMNS, judge
from transformation.seed_files import read_rows

HEADER = ",".join(COLUMNS["funnel_steps"])
STEP_1 = "trial,1,Trial,trial_started,,,24"
STEP_2 = "trial,2,Project,project_created,,,24"
CHECKOUT = Path(__file__).parents[2]


def funnel_mistakes(*lines: str, header: str = HEADER) -> list[str]:
    return mistakes("funnel_steps", "\n".join([header, *lines]).encode())


def mistakes(seed: str, content: bytes) -> list[str]:
    rows, found = read_rows(content, COLUMNS[seed])
    return [f"{each.line}: {each.text}" for each in sorted(found + judge(seed, rows))]


def site(folder: Path, *steps: str, plan: str = "") -> Settings:
    """A site of its own with these steps and this plan."""
    seeds = folder / "project" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "funnel_steps.csv").write_text("\n".join([HEADER, *steps]) + "\n")
    (seeds / "tracking_plan.csv").write_text(f"event_name,description\n{plan}")
    (seeds / "concluding_words.csv").write_text("words,record_instead\n")
    (seeds / "passive_events.csv").write_text("event_name,reason\n")
    (seeds / "key_events.csv").write_text("event_name,reason\n")
    (seeds / "ignored_referrers.csv").write_text("host,reason\n")
    (seeds / "page_groups.csv").write_text("page_group\n")
    (seeds / "revenue_events.csv").write_text(f"{','.join(COLUMNS['revenue_events'])}\n")
    (seeds / "currencies.csv").write_text("currency\n")
    (seeds / "exchange_rates.csv").write_text("from_currency,to_currency,valid_from,rate\n")
    (seeds / "source_totals.csv").write_text(f"{','.join(COLUMNS['source_totals'])}\n")
    (seeds / "traffic_sources.csv").write_text("domain,name,kind,source,stated_on\n")
    return Settings(home=folder / "home", dbt_project=folder / "project")


def refused(settings: Settings, seen: Collection[str] | None = None) -> list[str]:
    try:
        refuse_mistakes(settings, None if seen is None else lambda: seen)
    except MistakenSeeds as error:
        folder = settings.dbt_project / "seeds"
        return str(error).replace(f"{folder}/", "").splitlines()
    return []


def test_the_shipped_definitions_make_sense() -> None:
    refuse_mistakes(Settings(dbt_project=CHECKOUT / "dbt_project"))


def test_a_condition_in_columns_of_its_own_is_read_with_a_warning_of_what_to_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older = "trial,2,Bought,bought|sold[plan=b]|Cart [v2],plan,a year,24"
    seen = {"trial_started", "bought", "sold", "Cart [v2]"}
    refuse_mistakes(site(tmp_path / "older", STEP_1, older), lambda: seen)
    (told,) = caplog.messages
    assert told.endswith(
        "funnel_steps.csv:3: funnel trial, step 2: the columns property_name and property_value "
        "are an older way to write a condition; leave both empty, and write event_name as "
        "bought[plan=a year]|sold[plan=b]|Cart [v2][plan=a year]"
    )
    caplog.clear()
    newer = told.rpartition("event_name as ")[2]
    refuse_mistakes(site(tmp_path / "newer", STEP_1, f"trial,2,Bought,{newer},,,24"), lambda: seen)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("steps", "mistake"),
    [
        (
            [STEP_1, "trial,3,Project,project_created,,,24"],
            "3: funnel trial, step 3: steps are numbered 1, 2, 3 without gaps; write step_number 2",
        ),
        (
            ["trial,2,Project,project_created,,,24"],
            "2: funnel trial, step 2: steps are numbered 1, 2, 3 without gaps; write step_number 1",
        ),
        (
            [STEP_1, STEP_2, "trial,2,Report,report_created,,,24"],
            "4: funnel trial, step 2: it stands in line 3 already; write one row, with "
            "alternatives in its event_name as first_event|second_event",
        ),
        (
            [STEP_1, "trial,2,Project,project_created,,,48"],
            "3: funnel trial, step 2: a funnel has one window; write window_hours 24 as in line 2, "
            "instead of 48",
        ),
        (
            ["trial,1,Trial,trial_started,,,0"],
            "2: funnel trial, step 1: nothing happens within 0 hours; write a window_hours from "
            "1m to 876600, as 24 for a day",
        ),
        (
            ["trial,1,Trial,trial_started,,,-0.5"],
            "2: funnel trial, step 1: nothing happens within -0.5 hours; write a window_hours "
            "from 1m to 876600, as 24 for a day",
        ),
        (
            ["trial,1,Trial,trial_started,,,a day"],
            "2: funnel trial, step 1: a day is no number of hours; write 24 for a day, 30m for "
            "half an hour",
        ),
        (
            ['trial,1,Trial,trial_started,,,"1,5"'],
            "2: funnel trial, step 1: 1,5 is no number of hours; write 1.5",
        ),
        (
            ["trial,1,Trial,trial_started,,,"],
            "2: funnel trial, step 1: nothing is no number of hours; write 24 for a day, 30m for "
            "half an hour",
        ),
        (
            ["trial,1,Trial,trial_started,,,inf"],
            "2: funnel trial, step 1: inf is no number of hours; write 24 for a day, 30m for "
            "half an hour",
        ),
        (
            ["trial,1,Trial,trial_started,,,876601"],
            "2: funnel trial, step 1: 876601 hours are over a century; write at most 876600",
        ),
        (
            ["trial,1.0,Trial,trial_started,,,24"],
            "2: funnel trial, step 1.0: 1.0 is no step_number; write 1, 2, 3 …",
        ),
        (
            [",1,Trial,trial_started,,,24"],
            "2: funnel (no name), step 1: a funnel needs a name; write the same funnel_name on "
            "all its steps",
        ),
        (
            ["trial,1,Trial,,,,24"],
            "2: funnel trial, step 1: an empty cell names no event; write event_name as "
            "one_event or as first_event|second_event, and in double quotes a name that holds one "
            'of | [ ] "',
        ),
        (
            ["trial,1,Trial,trial_started| |renewed,,,24"],
            "2: funnel trial, step 1: trial_started| |renewed names no event; write event_name as "
            "one_event or as first_event|second_event, and in double quotes a name that holds one "
            'of | [ ] "',
        ),
        (
            ["trial,1,Trial,trial_started,,,0m"],
            "2: funnel trial, step 1: nothing happens within 0m hours; write a window_hours from "
            "1m to 876600, as 24 for a day",
        ),
        (
            ["trial,1,Trial,trial_started,,,0.01"],
            "2: funnel trial, step 1: 0.01 hours are under a minute; write at least 1m",
        ),
        (
            [STEP_1, "trial,2,Project,project_created,,,1441m"],
            "3: funnel trial, step 2: a funnel has one window; write window_hours 24 as in line 2, "
            "instead of 1441m",
        ),
        (
            ["trial,1,Trial,trial_started,plan,,24"],
            "2: funnel trial, step 1: half a condition is no condition; write both property_name "
            "and property_value, or neither",
        ),
        (
            [f"trial,1,Trial,{'|'.join('abcdefghijk')},,,24"],
            "2: funnel trial, step 1: it lists 11 events; write at most 10, or track one event "
            "that means the step",
        ),
    ],
)
def test_a_funnel_that_makes_no_sense_is_told_what_to_write(steps: list[str], mistake: str) -> None:
    assert funnel_mistakes(*steps) == [mistake]


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [STEP_2, STEP_1],
        ["trial,1,Trial,trial_started | renewed,plan,annual,0.5"],
        [f"trial,1,Trial,{'|'.join('abcdefghij')},,,876600"],
        [STEP_1, "trial,2,Project,project_created,,,24.0"],
        [STEP_1, "trial,2,Project,project_created,,,1440m"],
        ['trial,1,Trial,"""Home | Nav""|[Amplitude] Page Viewed|""Joined """,,,30m'],
        ["trial,1,Trial,page_view[path=/pricing]|page_view[cart.total=12],,,1m"],
        [STEP_1, STEP_2.replace("trial", "other").replace(",2,", ",1,").replace("24", "48")],
        ["", STEP_1, "", STEP_2, ""],
        [STEP_1, "other,1,One,one,,,48", STEP_2, "other,2,Two,two,,,48"],
    ],
)
def test_a_funnel_that_can_be_meant_is_not_refused(steps: list[str]) -> None:
    assert funnel_mistakes(*steps) == []


def test_every_mistake_is_told_at_once_in_the_order_of_lines() -> None:
    found = funnel_mistakes(
        "a,1,One,one,,,0", "b,2,Two,two,,,24", STEP_1, "trial,2,Project,,plan,,48"
    )
    assert [each.split(":")[0] for each in found] == ["2", "3", "5", "5", "5"]


def test_a_row_that_cannot_be_read_leaves_no_gap_behind() -> None:
    (found,) = funnel_mistakes(STEP_1, "trial,2,Project", "trial,3,Sold,sold,,,24")
    assert found.startswith("3: 3 cells stand under 7 columns")


@pytest.mark.parametrize(
    ("header", "mistake"),
    [
        (
            HEADER.replace("window_hours", "window_hour"),
            "1: there is no column 'window_hour'; write window_hours",
        ),
        (
            HEADER.replace(",window_hours", ""),
            f"1: the column is missing: window_hours; write the header {HEADER}",
        ),
        (f"{HEADER},owner", "1: there is no column 'owner'; remove it"),
        (f"{HEADER},step_name", "1: the column step_name stands there twice; remove one"),
        (
            HEADER.replace(",", ";"),
            f"1: cells are parted by semicolons; export with commas, header {HEADER}",
        ),
        (
            HEADER.replace(",", "\t"),
            f"1: cells are parted by tabs; export with commas, header {HEADER}",
        ),
        (
            HEADER.replace(",step_name", ", step_name"),
            "1: there is no column ' step_name'; write step_name",
        ),
    ],
)
def test_a_header_that_is_not_the_seeds_is_told_what_to_write(header: str, mistake: str) -> None:
    assert funnel_mistakes(STEP_1, header=header) == [mistake]


def test_columns_may_stand_in_any_order() -> None:
    assert mistakes("tracking_plan", b"description,event_name\nSold,sold\n") == []


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (
            b"event_name,description\nsold,a,b\n",
            '2: 3 cells stand under 2 columns; write a comma between two cells, and "…" around '
            "a cell that has one itself",
        ),
        (b"event_name,description\n,\n", "2: this row has only empty cells; remove it"),
        (
            b'event_name,description\nsold,"a"b"\n',
            "2: a quote is amiss (',' expected after '\"'); write \"\" for one inside a quoted "
            "cell",
        ),
        (
            b'event_name,description\nkept,"one\ntwo"\nsold,"a\nb\n',
            '4: a quote is amiss (unexpected end of data); write "" for one inside a quoted cell',
        ),
        (
            "event_name,description\nkept,a\nsold,größer\n".encode("latin-1"),
            "3: this is not UTF-8; save the file as CSV in UTF-8",
        ),
        (
            "event_name,description\n".encode("utf-16"),
            "1: this is not UTF-8; save the file as CSV in UTF-8",
        ),
        (b"event_name,description\nsold ,a\n", "2: event_name has blanks around it; write sold"),
        (
            b'event_name,description\nsold,"one\ntwo"\nkept,a\nsold,b\n',
            "5: sold stands in line 2 already; remove one of the two",
        ),
        (b"event_name,description\n,a\n", "2: event_name is missing; write it, or remove the line"),
        (
            b"event_name,description\nNull,a\n",
            "2: dbt reads Null as an empty cell; remove the line",
        ),
        (
            b"",
            "1: the columns are missing: event_name, description; write the header "
            "event_name,description",
        ),
    ],
)
def test_a_plan_that_cannot_be_read_is_told_what_to_write(content: bytes, mistake: str) -> None:
    assert mistakes("tracking_plan", content) == [mistake]


def test_what_spreadsheets_put_around_a_plan_is_no_mistake() -> None:
    content = '\ufeffevent_name,description\r\n\r\nsold,"It, ""was"" sold"\r\n\r\n'.encode()
    rows, found = read_rows(content, COLUMNS["tracking_plan"])
    assert found == []
    assert [(row.line, row["description"]) for row in rows] == [(3, 'It, "was" sold')]


def test_a_passive_event_that_stands_there_twice_is_told_its_line() -> None:
    content = b"event_name,reason\n$pageleave,a\n$pageleave,b\n"
    mistake = "3: $pageleave stands in line 2 already; remove one of the two"
    assert mistakes("passive_events", content) == [mistake]


@pytest.mark.parametrize("host", ["https://pay.example/", "Pay.example", "pay.example:80", ".a"])
def test_a_referrer_that_would_never_be_found_is_told_what_to_write(host: str) -> None:
    mistake = f"2: {host}: write a host alone, as pay.example"
    assert mistakes("ignored_referrers", f"host,reason\n{host},x\n".encode()) == [mistake]


@pytest.mark.parametrize("group", ["users/:id", "/a*", "/*/a", "/a?b=:c", "https://a.example/"])
def test_a_page_group_that_no_path_fits_is_told_what_to_write(group: str) -> None:
    (mistake,) = mistakes("page_groups", f"page_group\n{group}\n".encode())
    assert mistake.startswith(f"2: {group}: write a path, as /users/:id for one part of any name")


@pytest.mark.parametrize(
    "group", ["/", "/*", "/users/:id", "/users/:id/edit", "/docs/*", "/a/:b/*"]
)
def test_a_page_group_is_a_path(group: str) -> None:
    assert mistakes("page_groups", f"page_group\n{group}\n".encode()) == []


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ("a,order,total,,currency,EUR,id", None),
        ("a,refund,total,revenue,currency,,id", None),
        ("a,order,total,,,EUR,", None),
        (
            "a,order,total,,,,id",
            "2: no currency; write currency_property, or default_currency if none is sent",
        ),
        ("a,sale,total,,currency,,id", "2: sale is no kind; write order or refund"),
        ("a,,total,,currency,,id", "2: nothing is no kind; write order or refund"),
        ("a,order,,,currency,,id", "2: amount_property is missing; write the name that is sent"),
        (
            "a,order,total,,currency,euro,id",
            "2: euro: write three capital letters, as EUR, or leave it empty",
        ),
        (",order,total,,currency,,id", "2: event_name is missing; write it, or remove the line"),
    ],
)
def test_an_event_of_money_has_a_kind_and_the_names_of_its_properties(
    row: str, mistake: str | None
) -> None:
    header = ",".join(COLUMNS["revenue_events"])
    assert mistakes("revenue_events", f"{header}\n{row}\n".encode()) == (
        [mistake] if mistake else []
    )


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ("EUR,USD,2026-03-01,1.0832", None),
        ("EUR,USD,2026-02-28,1", None),
        ("eur,USD,2026-03-01,1", "3: from_currency eur: write three capital letters, as EUR"),
        ("EUR,,2026-03-01,1", "3: to_currency : write three capital letters, as EUR"),
        ("EUR,EUR,2026-03-01,1", "3: a currency needs no rate to itself; remove the line"),
        (
            "EUR,USD,1.3.2026,1",
            "3: valid_from 1.3.2026: write the first day, as 2026-03-01",
        ),
        ("EUR,USD,2026-03-01,0.0", "3: rate 0.0: write a number above 0 with a point, as 1.0832"),
        ('EUR,USD,2026-03-01,"1,1"', "3: rate 1,1: write a number above 0 with a point, as 1.0832"),
        (
            "EUR,USD,2026-01-01,2",
            "3: EUR USD 2026-01-01 stands in line 2 already; remove one of the two",
        ),
    ],
)
def test_a_rate_is_a_number_from_a_day_on(row: str, mistake: str | None) -> None:
    content = f"{','.join(COLUMNS['exchange_rates'])}\nEUR,USD,2026-01-01,1.1\n{row}\n"
    assert mistakes("exchange_rates", content.encode()) == ([mistake] if mistake else [])


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        ("web,2026-03-01,events,,0", None),
        ("web,2026-03-01,events,sign_up,12", None),
        (",2026-03-01,visits,,1", "3: source_id is missing; write it, or remove the line"),
        ("web,2026-W09-7,visits,,1", "3: activity_date 2026-W09-7: write a day, as 2026-03-01"),
        (
            "web,2026-03-01,clicks,,1",
            "3: clicks is no metric; write one of events, page_views, visits, visitors",
        ),
        ("web,2026-03-01,visits,a,1", "3: visits are of no event; leave event_name empty"),
        ("web,2026-03-01,visits,,-1", "3: total -1: write a whole number, as 1832"),
        (
            "web,2026-02-28,visits,,7",
            "3: web 2026-02-28 visits stands in line 2 already; remove one of the two",
        ),
    ],
)
def test_a_total_of_another_tool_is_a_count_of_a_day(row: str, mistake: str | None) -> None:
    content = f"{','.join(COLUMNS['source_totals'])}\nweb,2026-02-28,visits,,7\n{row}\n"
    assert mistakes("source_totals", content.encode()) == ([mistake] if mistake else [])


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ("Churned", "2: Churned: write churned"),
        ("power user", "2: power user: write words with one _ between them"),
        ("_churned", "2: _churned: write words with one _ between them"),
    ],
)
def test_words_that_would_never_be_found_are_told_what_to_write(words: str, mistake: str) -> None:
    assert mistakes("concluding_words", f"words,record_instead\n{words},x\n".encode()) == [mistake]


def test_an_event_nobody_planned_or_sent_is_unknown_and_the_nearest_is_named(
    tmp_path: Path,
) -> None:
    settings = site(
        tmp_path,
        "trial,1,Trial,trial_startd|page_view,,,24",
        "trial,2,Project,PROJECT_CREATED,,,24",
        "trial,3,Sold,sold,,,24",
        "trial,4,Kept,xyz,,,24",
        plan="trial_started,Begins\n",
    )
    assert refused(settings, seen={"project_created", "SOLD"}) == [
        "funnel_steps.csv:2: funnel trial, step 1: nobody has ever sent trial_startd, nor is it "
        "planned; write trial_started, or add trial_startd to seeds/tracking_plan.csv",
        "funnel_steps.csv:3: funnel trial, step 2: nobody has ever sent PROJECT_CREATED, nor is "
        "it planned; write project_created, or add PROJECT_CREATED to seeds/tracking_plan.csv",
        "funnel_steps.csv:4: funnel trial, step 3: nobody has ever sent sold, nor is it planned; "
        "write SOLD, or add sold to seeds/tracking_plan.csv",
        "funnel_steps.csv:5: funnel trial, step 4: nobody has ever sent xyz, nor is it planned; "
        "write the name that is sent, or add xyz to seeds/tracking_plan.csv",
    ]


def test_an_event_is_known_once_it_is_planned_or_was_sent(tmp_path: Path) -> None:
    settings = site(tmp_path, STEP_1, STEP_2, plan="trial_started,Begins\n")
    assert refused(settings, seen={"project_created"}) == []
    assert refused(settings, seen=set()) != []
    assert refused(settings) == []


def test_where_nothing_is_planned_and_nothing_came_no_event_is_unknown(tmp_path: Path) -> None:
    assert refused(site(tmp_path, STEP_1, STEP_2), seen=set()) == []


def test_what_came_is_not_asked_while_every_event_is_planned(tmp_path: Path) -> None:
    settings = site(tmp_path, STEP_1, plan="trial_started,Begins\n")

    def asked() -> set[str]:
        raise AssertionError

    refuse_mistakes(settings, asked)


def test_no_event_is_called_unknown_by_a_plan_that_cannot_be_read(tmp_path: Path) -> None:
    settings = site(tmp_path, STEP_1, plan="trial_started,Begins, or not\n")
    assert refused(settings, seen={"other"}) == [
        "tracking_plan.csv:2: 3 cells stand under 2 columns; write a comma between two cells, and "
        '"…" around a cell that has one itself'
    ]


def test_any_event_and_conditions_are_not_taken_for_names(tmp_path: Path) -> None:
    seen = {"trial_started", "Cart[v2]", "page_view"}
    well = '"trial_started[plan!=a, size>=2, x in (a, b)]|*"'
    assert refused(site(tmp_path / "well", f"trial,1,Trial,{well},,,24"), seen) == []
    never = "funnel_steps.csv:2: funnel trial, step 1: nobody has ever sent"
    told = {
        '"trial_started[plan=a,]"': " an event called trial_started[plan=a,], nor can it be read",
        "trial_started[plan==a]": " an event called trial_started[plan==a], nor can it be read",
        '"trial_started[x in (a, b]"': " an event called trial_started[x in (a, b], nor can it",
        "Cart[v2]": ' Cart, nor is it planned; write "Cart[v2]"',
        "trial_startd[size>2]": " trial_startd, nor is it planned; write trial_started",
        '"""*"""': ' *, nor is it planned; write the name that is sent, or add "*" to',
    }
    for number, (text, mistake) in enumerate(told.items()):
        (found,) = refused(site(tmp_path / str(number), f"trial,1,Trial,{text},,,24"), seen)
        assert found.startswith(never + mistake), found
    (found,) = refused(site(tmp_path / "trait", "trial,1,Trial,page_view[trait.plan=a],,,24"), seen)
    assert "step 1: trait.plan is of a person" in found


def test_a_comma_that_may_be_a_part_of_a_value_is_told_with_what_to_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps = ('trial,1,Trial,"a[b=c, d]",,,24', 'trial,2,B,"a[b=c, d=e]",,,24')
    refuse_mistakes(site(tmp_path / "comma", *steps), lambda: {"a"})
    (told,) = caplog.messages
    assert told.endswith(
        "funnel_steps.csv:2: funnel trial, step 1: d behind the comma is a condition of its own: "
        'the event has it; if it is a part of the value, write "a"["b"="c, d"], else write a[d,b=c]'
    )


def test_a_seed_that_is_not_there_is_told_what_to_write(tmp_path: Path) -> None:
    settings = site(tmp_path, STEP_1)
    (settings.dbt_project / "seeds" / "tracking_plan.csv").unlink()
    (found,) = refused(settings)
    assert found.startswith("tracking_plan.csv:1: the columns are missing")


def test_the_names_that_came_are_read_from_raw(tmp_path: Path) -> None:
    settings = site(tmp_path)
    assert names_seen(settings) == set()
    settings.warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create schema raw")
    assert names_seen(settings) == set()
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("create table raw.events (event_name varchar)")
        connection.execute("insert into raw.events values ('sold'), ('sold'), ('kept')")
    assert names_seen(settings) == {"sold", "kept"}
