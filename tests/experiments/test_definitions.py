"""An experiment that makes no sense is refused with its line and what to write instead."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from experiments.definition_tables import experiment_rows
from experiments.definitions import Experiment, schema
from experiments.reading import read_experiments
from ingestion.settings import Settings
from orchestration.definition_files import MistakenSeeds, refuse_mistakes
from transformation.definition_rules import COLUMNS
from warehouse.definition_tables import keep
from warehouse.meta import EXPERIMENT_TABLES
from warehouse.pending_loads import is_full_refresh_due

CHECKOUT = Path(__file__).parents[2]
WELL = """\
experiments:
  - name: short_form
    description: Does a shorter form sell more?
    exposure: short-form
    variants: {control: 3, short: 1}
    control: control
    start: 2026-09-01
    end: 2026-10-01
    metrics:
      - {name: buys, conversion: bought, days: 7}
      - {name: invites, count: 'invited[role!=guest]|asked', days: 14}
    guardrails:
      - {name: sold, revenue: EUR, days: 14}
    planned: {persons: 4000}
"""


def mistakes(text: str) -> list[str]:
    found = read_experiments(text.encode()).mistakes
    return [f"{each.line}: {each.text}" for each in sorted(found)]


def experiments(text: str = WELL) -> list[Experiment]:
    return [experiment for _, experiment in read_experiments(text.encode()).experiments]


def test_a_site_begins_without_experiments(tmp_path: Path) -> None:
    refuse_mistakes(Settings(home=tmp_path), lambda: {"anything"})
    assert (CHECKOUT / "dbt_project" / "experiments.yml").read_text().endswith("experiments: []\n")


def test_the_schema_is_what_the_models_say() -> None:
    assert (CHECKOUT / "dbt_project" / "experiments.schema.json").read_text() == schema()


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("{control: 3, short: 1}", "[control]", "5: one variant has nothing to be compared with"),
        (
            "{control: 3, short: 1}",
            "{control: 3, short: 0}",
            "5: short cannot have the share 0.0; write",
        ),
        ("{control: 3, short: 1}", "[control, control]", "5: variants cannot be this; write at"),
        ("control: control", "control: old", "6: old is no variant; write one of control, short"),
        ("start: 2026-09-01", "start: soon", "7: start cannot be soon; write a day, as 2026-09-01"),
        ("end: 2026-10-01", "end: 2026-08-01", "8: it ends before it starts; write 2026-09-01 or"),
        ("exposure: short-form", "exposure: {event: seen}", "4: variant is missing; write both"),
        ("exposure: short-form", "exposure: {variant: arm}", "4: event is missing; write both"),
        ("exposure: short-form", "exposure: {}", "4: write the key of a flag, or both event and"),
        (
            "exposure: short-form",
            "exposure: {event: bought, variant: arm}",
            "10: metric buys: its event may be the exposure itself, which everybody has; write",
        ),
        (
            "conversion: bought",
            "conversion: $exposure",
            "10: metric buys: its event may be the exposure itself",
        ),
        ("name: invites", "name: buys", "11: a metric buys stands above already; write another"),
        ("name: sold", "name: buys", "13: a metric buys stands above already; write another"),
        ("conversion: bought", "count: bought, revenue: EUR", "10: metric buys: write one of conv"),
        ("conversion: bought, ", "", "10: metric buys: write one of conversion, count and revenue"),
        (
            "conversion: bought",
            "conversion: 'bought[trait.a=1]'",
            "10: trait.a is of a person",
        ),
        ("revenue: EUR", "revenue: euro", "13: revenue cannot be euro; write a currency in three"),
        ("days: 7", "days: 0", "10: days cannot be 0; write a whole number of days from 1 to 366"),
        ("days: 7", "day: 7", "10: there is no key day here; write days, or remove it"),
        ("persons: 4000", "persons: many", "14: persons cannot be many; write a whole number of"),
        ("persons: 4000", "persons: 10, minimum_effect: 1", "14: persons says all; write only"),
        ("persons: 4000", "minimum_effect: 0.1", "14: write {persons: 4000}, or a minimum_effect"),
        ("{persons: 4000}", "{}", "14: write {persons: 4000}, or a minimum_effect with the"),
        ("planned", "plan", "2: planned is missing; write {persons: 4000}, or a minimum_effect"),
        (WELL, "experiments: 3", "1: experiments cannot be 3; write experiments: and below it one"),
    ],
)
def test_an_experiment_that_makes_no_sense_is_told_what_to_write(
    old: str, new: str, mistake: str
) -> None:
    assert mistakes(WELL) == []
    told = mistakes(WELL.replace(old, new, 1))
    assert any(each.startswith(mistake) for each in told), told


def test_two_experiments_of_one_name_are_told() -> None:
    (told,) = mistakes(WELL + WELL.removeprefix("experiments:\n"))
    assert told == "15: an experiment short_form stands above already; write another name"


def test_an_event_nobody_sent_and_a_currency_nobody_has_are_told(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "seeds").mkdir(parents=True)
    for seed, columns in COLUMNS.items():
        (project / "seeds" / f"{seed}.csv").write_text(",".join(columns) + "\n")
    (project / "seeds" / "currencies.csv").write_text("currency\nUSD\n")
    (project / "experiments.yml").write_text(WELL)
    settings = Settings(home=tmp_path / "home", dbt_project=project)
    with pytest.raises(MistakenSeeds) as told:
        refuse_mistakes(settings, lambda: {"bougth", "asked"})
    assert str(told.value).replace(f"{project}/", "").splitlines() == [
        "experiments.yml:10: nobody has ever sent bought, nor is it planned; write bougth, or add "
        "bought to seeds/tracking_plan.csv",
        "experiments.yml:11: nobody has ever sent invited, nor is it planned; write the name that "
        "is sent, or add invited to seeds/tracking_plan.csv",
        "experiments.yml:13: metric sold: EUR is no currency; write one of seeds/currencies.csv",
    ]


def test_an_exposure_that_has_not_come_yet_is_no_mistake() -> None:
    assert read_experiments(WELL.encode()).event_names == {"bought", "invited", "asked"}


def test_variants_are_texts_and_their_shares_are_parts_of_one() -> None:
    (experiment,) = experiments()
    assert experiment.shares == {"control": 0.75, "short": 0.25}
    listed = WELL.replace("{control: 3, short: 1}", "[0, 1, true]").replace(": control", ": 0")
    (experiment,) = experiments(listed)
    assert experiment.control == "0"
    assert experiment.shares == pytest.approx({"0": 1 / 3, "1": 1 / 3, "true": 1 / 3})


def test_the_planned_size_is_that_of_a_usual_test_of_two_rates() -> None:
    # 10 % against 12 %, with the variance of 10 % in both: 2 * (1.960 + 0.842)^2 * 0.09 / 0.02^2
    # = 3532 in each.
    text = WELL.replace("{control: 3, short: 1}", "[control, short]").replace(
        "persons: 4000", "minimum_effect: 0.02, baseline_rate: 0.1"
    )
    (experiment,) = experiments(text)
    assert experiment.planned_persons == 7064
    (experiment,) = experiments(text.replace("[control, short]", "{control: 3, short: 1}"))
    assert experiment.planned_persons == 9419
    mean = text.replace("0.02, baseline_rate: 0.1", "0.02, baseline_deviation: 0.3")
    assert experiments(mean)[0].planned_persons == 7064


def test_what_the_models_read_changes_with_the_file_and_orders_a_full_refresh() -> None:
    with duckdb.connect() as connection:
        keep(connection, experiment_rows([]))
        assert not is_full_refresh_due(connection)
        keep(connection, experiment_rows(experiments()))
        assert is_full_refresh_due(connection)
        kept = [connection.execute(f"from {table}").fetchall() for table in EXPERIMENT_TABLES]
        assert [len(rows) for rows in kept] == [1, 2, 3, 9]
        assert kept[3][0] == (
            *("short_form", None, "$feature_flag_called[$feature_flag=short-form]"),
            "$feature_flag_response",
        )
        connection.execute("delete from meta.full_refresh_due")
        keep(connection, experiment_rows(experiments()))
        assert not is_full_refresh_due(connection)
