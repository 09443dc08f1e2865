"""A cohort that makes no sense is refused with its line and what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from cohorts.definitions import Cohort, schema
from cohorts.reading import read_cohorts
from cohorts.tables import cohort_rows
from ingestion.settings import Settings
from orchestration.definition_files import MistakenSeeds, cohorts_defined, refuse_mistakes
from tests.orchestration.test_definition_files import site
from warehouse.definition_tables import keep
from warehouse.pending_loads import is_full_refresh_due

CHECKOUT = Path(__file__).parents[2]
WELL = """\
cohorts:
  - name: power_users
    description: Who saves often?
    conditions:
      - {did: 'query_saved|report_created[kind=a]', at_least: 3, within_days: 7}
      - {did_not: plan_cancelled}
      - {trait: 'plan in (annual, team)'}
  - name: early_power_users
    description: And came in March.
    conditions:
      - member_of: power_users
      - {first_seen: {since: 2026-03-01, until: 2026-03-31}}
"""


def mistakes(text: str) -> list[str]:
    return [f"{each.line}: {each.text}" for each in sorted(read_cohorts(text.encode()).mistakes)]


def cohorts(text: str = WELL) -> list[Cohort]:
    return [cohort for _, cohort in read_cohorts(text.encode()).cohorts]


def test_a_site_begins_without_cohorts(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    refuse_mistakes(settings, lambda: {"anything"})
    assert cohorts_defined(settings) == []


def test_the_schema_is_what_the_models_say() -> None:
    assert (CHECKOUT / "dbt_project" / "cohorts.schema.json").read_text() == schema()


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("at_least: 3", "at_least: 0", "5: at_least cannot be 0; write a whole number from 1 to"),
        ("within_days: 7", "within_days: 1.5", "5: within_days cannot be 1.5; write a whole"),
        ("within_days: 7", "within_days: 367", "5: within_days cannot be 367; write a whole"),
        ("at_least: 3", "at_least: 3, at_most: 2", "5: nobody did it 3 times and at most 2; write"),
        ("at_least", "at_leest", "5: there is no key at_leest here; write at_least, or remove it"),
        ("name: power_users", "name: Power", "2: name cannot be Power; write a name of small"),
        (
            "    description: Who saves often?\n",
            "",
            "2: description is missing; write who they are",
        ),
        (
            "did_not: plan_cancelled",
            "at_least: 2",
            "6: nothing is asked; write one of did, did_not",
        ),
        ("plan_cancelled}", "a, did: b}", "6: did and did_not are 2 conditions; write one of did"),
        ("plan_cancelled}", "a, at_most: 2}", "6: at_most says how often somebody did an event"),
        ("plan_cancelled}", "a, at_least: 2}", "6: at_least says how often somebody did an event"),
        ("team)'}", "team)', within_days: 3}", "7: within_days says how often somebody did"),
        ("did_not: plan_cancelled", "did_not: 'a|'", "6: did_not cannot be a|; write the name of"),
        ("'plan in (annual, team)'", "'plan=='", "7: trait cannot be plan==; write a condition"),
        ("'plan in", "'trait.plan in", "7: trait names the trait alone; remove trait. before it"),
        ("did_not: plan_cancelled", "did_not: 'a[trait.plan=b]'", "6: trait.plan is of a person"),
        ("since: 2026-03-01", "since: 3", "12: since cannot be 3; write a day as 2026-03-01"),
        ("since: 2026-03-01", "since: soon", "12: since cannot be soon; write a day as"),
        (
            "since: 2026-03-01",
            "since: 2026-03-01 10:00:00",
            "12: since cannot be this; write a day as",
        ),
        ("since: 2026-03-01, until: 2026-03-31", "", "12: first_seen names no day; write the days"),
        ("until: 2026-03-31", "until: 2026-02-01", "12: no day is between 2026-03-01 and 2026-02"),
        (
            "name: early_power_users",
            "name: power_users",
            "8: a cohort power_users stands above already; write another name",
        ),
        (
            "member_of: power_users",
            "member_of: power_usrs",
            "11: there is no cohort power_usrs; write one of: power_users",
        ),
        (
            "member_of: power_users",
            "member_of: early_power_users",
            "11: early_power_users → early_power_users leads back to itself; remove one of these",
        ),
        (
            "did_not: plan_cancelled",
            "member_of: early_power_users",
            "6: power_users → early_power_users → power_users leads back to itself; remove",
        ),
        (
            "did_not: plan_cancelled",
            "not_member_of: early_power_users",
            "6: power_users → early_power_users → power_users leads back to itself; remove",
        ),
        (
            "member_of: power_users",
            "not_member_of: early_power_users",
            "11: early_power_users → early_power_users leads back to itself; remove one of these",
        ),
        (
            "member_of: power_users",
            "not_member_of: power_usrs",
            "11: there is no cohort power_usrs; write one of: power_users",
        ),
        (
            "trait: 'plan in (annual, team)'",
            "account_trait: 'plan=='",
            "7: account_trait cannot be",
        ),
        (
            "trait: 'plan in",
            "account_trait: 'account.plan in",
            "7: account_trait names the trait alone; remove account. before it",
        ),
        (
            "did_not: plan_cancelled",
            "trait: plan, account_trait: plan",
            "6: trait and account_trait are 2 conditions; write one of did, did_not",
        ),
        (WELL, "cohorts: 3", "1: cohorts cannot be 3; write cohorts: and below it one entry"),
        ("cohorts:", "cohorts: [", "2: this is not YAML: "),
        ("name: power_users", "name: power_users\n    name: b", "3: name stands there twice"),
    ],
)
def test_a_cohort_that_makes_no_sense_is_told_what_to_write(
    old: str, new: str, mistake: str
) -> None:
    assert mistakes(WELL) == []
    told = mistakes(WELL.replace(old, new, 1))
    assert any(each.startswith(mistake) for each in told), told


def test_a_circle_is_told_to_each_cohort_in_it_and_to_no_other() -> None:
    circle = "".join(
        f"  - {{name: {name}, description: X, conditions: [{{member_of: {other}}}]}}\n"
        for name, other in (("a", "b"), ("b", "c"), ("c", "b"), ("d", "d"))
    )
    assert mistakes(f"cohorts:\n{circle}") == [
        "3: b → c → b leads back to itself; remove one of these",
        "4: c → b → c leads back to itself; remove one of these",
        "5: d → d leads back to itself; remove one of these",
    ]


def test_a_cohort_with_another_mistake_is_not_unknown_as_well() -> None:
    (told,) = mistakes(WELL.replace("at_least: 3", "at_least: 0"))
    assert told.startswith("5: at_least cannot be 0")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "cohorts: []\n"])
def test_a_file_without_cohorts_defines_none(text: str) -> None:
    assert mistakes(text) == []
    assert cohorts(text) == []


def test_who_is_not_in_a_cohort_meets_the_opposite_of_one_of_its_conditions() -> None:
    text = WELL.replace("- member_of: power_users", "- not_member_of: power_users")
    text += """\
  - name: others
    description: All who are not such early others.
    conditions: [{not_member_of: early_power_users}]
"""
    rows = cohort_rows(cohorts(text))["meta.cohort_conditions"]
    told = [(row[0], row[-2], row[2] if row[2] != "event" else row[3], row[-1]) for row in rows]
    saved = "query_saved|report_created[kind=a]"
    assert told[3:] == [
        ("early_power_users", 1, saved, True),
        ("early_power_users", 1, "plan_cancelled", True),
        ("early_power_users", 1, "trait", True),
        ("early_power_users", 2, "first_seen", False),
        # Not (not a or not b, and c) is (a or not c) and (b or not c).
        ("others", 1, saved, False),
        ("others", 1, "first_seen", True),
        ("others", 2, "plan_cancelled", False),
        ("others", 2, "first_seen", True),
        ("others", 3, "trait", False),
        ("others", 3, "first_seen", True),
    ]


def test_cohorts_that_leave_out_those_who_leave_out_others_end_somewhere() -> None:
    listed = "".join(f"      - {{did: event_{number}}}\n" for number in range(11))
    one = "".join(
        f"  - name: c{number}\n    description: X\n    conditions:\n{listed.replace('event', name)}"
        for number, name in enumerate("ab")
    )
    none = (
        "  - name: none\n    description: X\n    conditions:\n"
        "      - {not_member_of: c0}\n      - {not_member_of: c1}\n"
    )
    assert mistakes(f"cohorts:\n{one}{none}") == []
    rest = "  - {name: rest, description: X, conditions: [{not_member_of: none}]}\n"
    (told,) = mistakes(f"cohorts:\n{one}{none}{rest}")
    assert told.partition(": ")[2].startswith("rest is more than 100 combinations of conditions")


def test_an_event_nobody_planned_or_sent_is_told_with_its_line(tmp_path: Path) -> None:
    settings = site(tmp_path, plan="report_created,Begins\n")
    (settings.dbt_project / "cohorts.yml").write_text(WELL)
    with pytest.raises(MistakenSeeds) as refused:
        refuse_mistakes(settings, lambda: {"query_savd"})
    told = [text.rpartition("/project/")[2] for text in str(refused.value).splitlines()]
    assert told == [
        "cohorts.yml:5: nobody has ever sent query_saved, nor is it planned; write query_savd, or "
        "add query_saved to seeds/tracking_plan.csv",
        "cohorts.yml:6: nobody has ever sent plan_cancelled, nor is it planned; write the name "
        "that is sent, or add plan_cancelled to seeds/tracking_plan.csv",
    ]
    refuse_mistakes(settings, lambda: {"query_saved", "plan_cancelled"})
    refuse_mistakes(settings)


def test_a_changed_cohort_orders_a_full_refresh_and_the_same_one_does_not() -> None:
    with duckdb.connect() as connection:
        keep(connection, cohort_rows(cohorts()))
        connection.execute("delete from meta.full_refresh_due")
        keep(connection, cohort_rows(cohorts(f"# A comment.\n{WELL}")))
        assert not is_full_refresh_due(connection)
        keep(connection, cohort_rows(cohorts(WELL.replace("at_least: 3", "at_least: 4"))))
        assert is_full_refresh_due(connection)


def test_a_part_of_a_cohort_has_its_conditions_in_the_tables_of_the_models() -> None:
    with duckdb.connect() as connection:
        keep(connection, cohort_rows(cohorts()))
        rows = connection.execute(
            "select cohort_condition_number, kind, step, at_least, at_most, within_days,"
            " cast(first_day as varchar) from meta.cohort_conditions"
            " where cohort_name = 'early_power_users'"
        ).fetchall()
        assert rows == [
            (1, "event", "query_saved|report_created[kind=a]", 3, None, 7, None),
            (2, "event", "plan_cancelled", 0, 0, None, None),
            (3, "trait", "*[plan in (annual, team)]", None, None, None, None),
            (4, "first_seen", None, None, None, None, "2026-03-01"),
        ]
        described = connection.execute("from meta.cohorts").fetchall()
        keep(connection, cohort_rows([]))
        assert connection.execute("from meta.cohorts").fetchall() == []
    assert [row[:2] for row in described] == [
        ("power_users", "Who saves often?"),
        ("early_power_users", "And came in March."),
    ]
    assert json.loads(described[1][2]) == [
        {"member_of": "power_users"},
        {"first_seen": {"since": "2026-03-01", "until": "2026-03-31"}},
    ]
