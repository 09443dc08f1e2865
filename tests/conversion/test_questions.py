"""A conversion question that makes no sense is refused with its line and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from conversion.question_tables import question_rows
from conversion.questions import Question, schema
from conversion.reading import read_questions
from demo.project import with_definitions
from ingestion.settings import Settings
from orchestration.definition_files import MistakenSeeds, questions_asked, refuse_mistakes
from transformation.definition_rules import COLUMNS as SEEDS
from transformation.event_grammar import read_step
from warehouse.definition_tables import keep
from warehouse.meta import COLUMNS, CONVERSION_TABLES, DEFINITION_TABLES
from warehouse.pending_loads import is_full_refresh_due

CHECKOUT = Path(__file__).parents[2]
WELL = """\
questions:
  - name: plan
    description: Who buys?
    start: trial_started
    conversion: {event: bought, property: plan, value: true}
    trial_days: 14
    ages: {from: 1, to: 13}
    horizon_days: 3
    features:
      - {name: a, event: used_a}
      - {name: b, event: {event: used_b, property: size, value: 2.5}}
"""


def mistakes(text: str) -> list[str]:
    return [f"{each.line}: {each.text}" for each in sorted(read_questions(text.encode()).mistakes)]


def questions(text: str = WELL) -> list[Question]:
    return [question for _, question in read_questions(text.encode()).questions]


def test_the_question_of_the_demo_makes_sense_and_a_site_begins_with_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    refuse_mistakes(settings, lambda: {"anything"})
    assert questions_asked(settings) == []

    settings = with_definitions(settings)
    refuse_mistakes(settings, lambda: {"anything"})
    assert [question.name for question in questions_asked(settings)] == ["trial_to_plan"]


def test_the_schema_is_what_the_models_say() -> None:
    kept = CHECKOUT / "dbt_project" / "conversion_questions.schema.json"
    assert kept.read_text() == schema()


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        (
            "trial_days: 14",
            "trial_days: 14\n    actor: company",
            "7: actor cannot be company; write person or account",
        ),
        ("horizon_days: 3", "horizon_days: 0", "8: horizon_days cannot be 0; write a whole number"),
        ("horizon_days: 3", 'horizon_days: "3"', "8: horizon_days cannot be 3; write a whole"),
        ("name: plan", "name: A plan", "2: name cannot be A plan; write a name of small letters"),
        ("trial_days: 14", "trial_dais: 14", "2: trial_days is missing; write a whole number"),
        ("trial_days: 14", "trial_days: 14\n    x: 1", "7: there is no key x here; remove it"),
        ("to: 13", "to: 14", "7: nobody is at risk at the age of 14 days in a trial of 14; write"),
        ("from: 1", "from: 14", "7: ages go up; write {from: 13, to: …}"),
        ("to: 13", "to: 13, unit: weeks", "7: unit cannot be weeks; write days, hours or minutes"),
        (
            "to: 13",
            "to: 336, unit: hours",
            "7: nobody is at risk at the age of 336 hours in a trial of 336; write at most 335",
        ),
        ("to: 13", "to: 367, unit: minutes", "7: to cannot be 367; write a whole number from 1"),
        ("size, value: 2.5", "size", "11: half a condition is none; write both property and value"),
        ("used_a", "bought", "10: bought may be the conversion, which it would predict; write"),
        ("start: trial_started", "start: bought", "5: bought may be the start; write another"),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {without: left, within_days: 0}",
            "5: within_days cannot be 0; write a whole number of days",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {without: left}",
            "5: within_days is missing; write a whole number of days",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {within_days: 3}",
            "5: without is missing; write the name of an event",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {without: left, witin_days: 3}",
            "5: there is no key witin_days here; write within_days, or remove it",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {without: trial_started, within_days: 3}",
            "5: trial_started may be the start; write another",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: {without: used_a, within_days: 3}",
            "10: used_a may be the conversion, which it would predict; write",
        ),
        (
            "conversion: {event: bought, property: plan, value: true}",
            "conversion: 'trial_started|bought'",
            "5: trial_started may be the start; write another",
        ),
        ("trial_days", "end: bought\n    trial_days", "6: bought may be the conversion; write"),
        ("trial_days", "end: trial_started\n    trial_days", "6: trial_started may be the start"),
        ("name: b", "name: a", "11: a feature a stands above already; write another name"),
        ("name: b", "name: b, name: c", "11: name stands there twice; remove one of the two"),
        ("questions:", "questions: [", "2: this is not YAML: "),
        ("description: Who buys?", "description: 2026-99-99", "1: this is not YAML: month"),
        (WELL, "questions: 3", "1: questions cannot be 3; write questions: and below it one entry"),
        (WELL, "- plan", "1: questions cannot be this; write questions: and below it one entry"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_what_to_write(
    old: str, new: str, mistake: str
) -> None:
    assert mistakes(WELL) == []
    told = mistakes(WELL.replace(old, new))
    assert any(each.startswith(mistake) for each in told), told


def test_every_mistake_is_told_at_once() -> None:
    second = WELL.removeprefix("questions:\n").replace("horizon_days: 3", "horizon_days: 0")
    third = WELL.removeprefix("questions:\n").replace("to: 13", "to: 99")
    assert [each.partition(":")[0] for each in mistakes(WELL + second + third)] == [
        "18",
        "22",
        "27",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "questions: []\n"])
def test_a_file_without_questions_asks_none(text: str) -> None:
    assert mistakes(text) == []
    assert questions(text) == []


def test_values_are_the_texts_that_the_models_compare() -> None:
    (question,) = questions()
    assert [each.property_value for each in question.conversion_events] == ["true"]
    assert [each.property_value for each in question.features[1].event] == ["2.5"]


@pytest.mark.parametrize(
    ("conversion", "is_repeat", "absence_days"),
    [
        ("trial_started", True, None),
        ("{event: trial_started}", True, None),
        ("'trial_started[plan=a]'", False, None),
        ("{without: 'left|cancelled', within_days: 30}", False, 30),
    ],
)
def test_a_conversion_may_be_the_start_again_or_that_something_does_not_happen(
    conversion: str, is_repeat: bool, absence_days: int | None
) -> None:
    text = WELL.replace("{event: bought, property: plan, value: true}", conversion)
    asked = read_questions(text.encode())
    (question,) = [question for _, question in asked.questions]
    assert (question.is_repeat, question.absence_days) == (is_repeat, absence_days)
    mistaken = [each.text for each in asked.mistakes]
    assert bool(mistaken) == (conversion == "'trial_started[plan=a]'"), mistaken
    unknown = asked.unknown_events({"trial_started", "used_a", "used_b"})
    assert [each.line for each in unknown] == ([5, 5] if absence_days else [])


def test_another_unit_asks_something_else_and_days_ask_what_they_always_asked() -> None:
    (plain,) = questions()
    (days,) = questions(WELL.replace("to: 13", "to: 13, unit: days"))
    (hours,) = questions(WELL.replace("to: 13", "to: 13, unit: hours"))
    assert plain.fingerprint == days.fingerprint == "00f55e5b042f"
    assert hours.fingerprint != plain.fingerprint


def test_of_accounts_something_else_is_asked_and_persons_are_who_was_always_meant() -> None:
    (plain,) = questions()
    (persons,) = questions(WELL.replace("trial_days", "actor: person\n    trial_days"))
    (accounts,) = questions(WELL.replace("trial_days", "actor: account\n    trial_days"))
    assert (plain.actor, accounts.actor) == ("person", "account")
    assert plain.fingerprint == persons.fingerprint != accounts.fingerprint


def test_any_of_several_events_may_be_meant() -> None:
    several = WELL.replace(
        "event: used_a", "event: [used_a, {event: used_c, property: x, value: 1}]"
    )
    assert mistakes(several) == []
    (question,) = questions(several)
    assert [each.event for each in question.features[0].event] == ["used_a", "used_c"]


def test_alternatives_are_written_as_everywhere_else() -> None:
    (question,) = questions(
        WELL.replace(
            "event: used_a}", """event: ['used_a|used_c[x=1]', '"a|b"', {event: used_d}]}"""
        )
    )
    assert [(each.event, each.property_value) for each in question.features[0].event] == [
        ("used_a", None),
        ("used_c", "1"),
        ("a|b", None),
        ("used_d", None),
    ]
    several = WELL.replace("start: trial_started", "start:\n      - a|b|c\n      - d\n      - e|f")
    known = {"a", "b", "c", "bought", "used_a", "used_b"}
    unknown = read_questions(several.encode()).unknown_events(known)
    assert [each.line for each in unknown] == [6, 7, 7]
    (told,) = mistakes(WELL.replace("start: trial_started", "start: a|"))
    assert told.startswith("4: start cannot be a|; write the name of an event")


def test_several_conditions_are_one_event_and_any_event_may_be_meant() -> None:
    text = "'used_a[size>=2, plan in (a, b), context.locale]|*[plan!=a]'"
    (question,) = questions(WELL.replace("event: used_a", f"event: {text}"))
    meant = [each.meant for each in question.features[0].event]
    assert meant == read_step("used_a[size>=2,plan in (a,b),context.locale]|*[plan!=a]")
    (plain,) = questions()
    (other,) = questions(WELL.replace("event: used_a", f"event: {text.replace('!=', '=')}"))
    assert len({plain.fingerprint, question.fingerprint, other.fingerprint}) == 3


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("bought[plan!=true]", None),
        ("bought[plan in (a, b)]", None),
        ("bought[plan=false, size>3]", None),
        ("bought[size>3]", "5: bought may be the start; write another event"),
        ("'*[plan=false]'", None),
        ("'*'", "5: bought may be the start; write another event"),
        (
            "bought[trait.plan=a]",
            "4: trait.plan is of a person, and a condition asks what the event",
        ),
    ],
)
def test_conditions_that_part_two_events_let_both_be_meant(start: str, told: str | None) -> None:
    found = mistakes(WELL.replace("start: trial_started", f"start: {start}"))
    if told is None:
        assert not [each for each in found if each.startswith(("4:", "5:"))]
    else:
        assert any(each.startswith(told) for each in found), found


def test_any_event_and_conditions_are_not_taken_for_names(tmp_path: Path) -> None:
    text = WELL.replace("event: used_a", "event: '*[plan=false]'")
    refuse_mistakes(site(tmp_path / "any", text), lambda: {"used_b", "bought"})
    text = WELL.replace("event: used_a", "event: 'used_a[size==1]'")
    with pytest.raises(
        MistakenSeeds, match=r"yml:10: .*used_a\[size==1\].*event\[property=value\]"
    ):
        refuse_mistakes(site(tmp_path / "unread", text), lambda: {"used_a", "used_b", "bought"})


def test_one_event_of_several_that_makes_no_sense_is_told_with_its_line() -> None:
    several = "start:\n      - trial_started\n      - bought"
    (told,) = mistakes(WELL.replace("start: trial_started", several))
    assert told.startswith("7: bought may be the start; write another event")
    (told,) = mistakes(WELL.replace("start: trial_started", "start: []"))
    assert told.startswith("4: start cannot be this; write the name of an event")


def test_a_property_that_parts_two_events_lets_both_be_meant() -> None:
    parted = "{event: bought, property: plan, value: trial}"
    assert mistakes(WELL.replace("start: trial_started", f"start: {parted}")) == []


def site(folder: Path, text: str | None) -> Settings:
    """A site of its own, which planned nothing but its trials."""
    seeds = folder / "project" / "seeds"
    seeds.mkdir(parents=True)
    for seed in SEEDS.keys() - {"tracking_plan"}:
        shipped = CHECKOUT / "dbt_project" / "seeds" / f"{seed}.csv"
        (seeds / f"{seed}.csv").write_text(shipped.read_text().splitlines()[0] + "\n")
    (seeds / "tracking_plan.csv").write_text("event_name,description\ntrial_started,Begins\n")
    if text is not None:
        (folder / "project" / "conversion_questions.yml").write_text(text)
    return Settings(home=folder / "home", dbt_project=folder / "project")


def test_an_event_nobody_planned_or_sent_is_told_with_its_line(tmp_path: Path) -> None:
    settings = site(tmp_path, WELL)
    with pytest.raises(MistakenSeeds) as refused:
        refuse_mistakes(settings, lambda: {"used_a", "used_bb"})
    told = [text.rpartition("/project/")[2] for text in str(refused.value).splitlines()]
    assert told == [
        "conversion_questions.yml:5: nobody has ever sent bought, nor is it planned; write the "
        "name that is sent, or add bought to seeds/tracking_plan.csv",
        "conversion_questions.yml:11: nobody has ever sent used_b, nor is it planned; write "
        "used_bb, or add used_b to seeds/tracking_plan.csv",
    ]
    refuse_mistakes(settings, lambda: {"used_a", "used_b", "bought"})
    refuse_mistakes(settings)


def test_a_condition_in_keys_of_its_own_is_read_with_a_warning_of_what_to_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = WELL.replace("value: 2.5", 'value: "it\'s, 2"')
    seen = {"bought", "used_a", "used_b"}
    refuse_mistakes(site(tmp_path / "older", text), lambda: seen)
    told = [message.rpartition("/project/")[2] for message in caplog.messages]
    older = "the keys property and value are an older way to write a condition; write the event as"
    assert told == [
        f"conversion_questions.yml:5: {older} 'bought[plan=true]'",
        f'conversion_questions.yml:11: {older} \'"used_b"["size"="it\'\'s, 2"]\'',
    ]
    caplog.clear()
    newer = text.replace("{event: bought, property: plan, value: true}", "'bought[plan=true]'")
    newer = newer.replace(
        '{event: used_b, property: size, value: "it\'s, 2"}', "'used_b[size=\"it''s, 2\"]'"
    )
    assert questions(newer) == questions(text)
    refuse_mistakes(site(tmp_path / "newer", newer), lambda: seen)
    assert caplog.messages == []


def test_a_site_without_the_file_asks_nothing(tmp_path: Path) -> None:
    settings = site(tmp_path, None)
    refuse_mistakes(settings, lambda: {"anything"})
    assert questions_asked(settings) == []


def test_questions_that_changed_order_a_full_refresh_and_the_same_ones_do_not() -> None:
    with duckdb.connect() as connection:
        keep(connection, question_rows([]))
        assert not is_full_refresh_due(connection)
        keep(connection, question_rows(questions()))
        assert is_full_refresh_due(connection)
        kept = {
            table: connection.execute(f"from {table}").fetchall() for table in CONVERSION_TABLES
        }
        assert [len(rows) for rows in kept.values()] == [1, 13, 4]
        assert [row[3] for row in kept["meta.conversion_events"]] == [
            *("trial_started", "bought[plan=true]", "used_a", "used_b[size=2.5]")
        ]
        connection.execute("delete from meta.full_refresh_due")
        keep(connection, question_rows(questions()))
        assert not is_full_refresh_due(connection)
        keep(connection, question_rows(questions(WELL.replace("value: 2.5", "value: 3"))))
        assert is_full_refresh_due(connection)


def test_a_bare_dbt_build_makes_the_same_tables() -> None:
    """The macro has the type of texts that Spark knows too."""
    macro = (CHECKOUT / "dbt_project" / "macros" / "builds.sql").read_text()
    made = re.findall(
        r"create table if not exists \{\{ definition_relation\('(\w+)'\) \}\} \(([^)]*)\)", macro
    )
    assert {f"meta.{name}": " ".join(body.split()) for name, body in made} == {
        table: COLUMNS[table].replace("varchar", "string") for table in DEFINITION_TABLES
    }
