"""What a result says on each day: sizes, open windows, final intervals, and what is the matter."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.experiments.populations import START, Population, results
from tests.models_in_memory import CompiledModels, MemoryWarehouse
from tests.publishing.asking import asked

RUNNING = "The planned size is not reached. Until then only the always-valid interval holds."


def population(name: str, days: list[int], rates: tuple[float, float], **others: Any) -> Population:
    """So many persons of a and of b on each day, of whom these parts convert."""
    every = [round(1 / rate) if rate else 0 for rate in rates]
    rows = [
        (variant, day, float(bool(every[place]) and number % every[place] == 0))
        for day, count in enumerate(days)
        for place, variant in enumerate("ab")
        for number in range(count)
    ]
    return Population(
        name,
        [variant for variant, _, _ in rows],
        np.array([day for _, day, _ in rows]),
        np.array([value for _, _, value in rows]),
        **others,
    )


def day(number: int) -> date:
    return START + timedelta(days=number)


def rows_of(
    warehouse: MemoryWarehouse, name: str, variant: str = "b"
) -> dict[date, dict[str, Any]]:
    found = warehouse.rows(
        f"select * from marts.fct_experiment_results"
        f" where experiment_name = '{name}' and variant = '{variant}'"
        " order by result_date"
    )
    return {row["result_date"]: row for row in found}


def test_rates_are_of_closed_windows_and_the_open_ones_stand_beside(
    compiled: CompiledModels,
) -> None:
    warehouse = results(compiled, [population("x", [40, 60], (0.1, 0.2))], 1)
    rows = rows_of(warehouse, "x")
    assert list(rows) == [day(0), day(1)]
    first, last = rows.values()
    assert (first["persons"], first["mature_persons"], first["open_persons"]) == (40, 0, 40)
    assert (first["mean_value"], first["difference"]) == (None, None)
    assert (last["persons"], last["mature_persons"], last["open_persons"]) == (100, 40, 60)
    assert (float(last["total_value"]), last["mean_value"]) == (8, 0.2)
    assert last["difference"] == pytest.approx(0.1)
    assert [row["is_latest"] for row in rows.values()] == [False, True]
    control = rows_of(warehouse, "x", "a")[day(1)]
    assert (control["is_control"], control["difference"], control["mean_value"]) == (
        True,
        None,
        0.1,
    )


def test_what_was_final_on_its_day_is_not_changed_by_later_persons(
    compiled: CompiledModels,
) -> None:
    warehouse = results(
        compiled, [population("x", [50, 50, 50, 50], (0.1, 0.5), planned_persons=200)], 5
    )
    rows = rows_of(warehouse, "x")
    assert [row["final_date"] for row in rows.values()] == [None, None, *[day(2)] * 4]
    finals = [(row["final_low"], row["final_high"]) for row in rows.values()]
    assert finals[:2] == [(None, None)] * 2
    assert len(set(finals[2:])) == 1
    assert rows[day(4)]["always_low"] > rows[day(2)]["always_low"]
    assert [row["days_until_planned"] for row in rows.values()] == [2, 1, 0, 0, 0, 0]
    assert [row["result_state"] for row in rows.values()] == ["running"] * 2 + ["final"] * 4


def test_too_few_persons_and_persons_who_all_did_the_same_have_no_interval(
    compiled: CompiledModels,
) -> None:
    warehouse = results(
        compiled,
        [
            population("few", [29, 1], (0.1, 0.5), planned_persons=2),
            population("same", [50], (0.0, 0.5), planned_persons=2),
        ],
        3,
    )
    few = rows_of(warehouse, "few")
    assert [row["always_low"] is None for row in few.values()] == [True, True, False, False]
    # The size was reached before there was an interval, so there is no final one.
    assert (few[day(3)]["final_date"], few[day(3)]["final_low"]) == (day(1), None)
    same = rows_of(warehouse, "same")[day(3)]
    assert (same["always_low"], same["mature_persons"]) == (None, 50)


def test_an_experiment_says_what_is_the_matter_with_it(compiled: CompiledModels) -> None:
    empty = Population("nobody", [], np.array([], int), np.array([]), shares={"a": 1.0, "b": 1.0})
    warehouse = results(
        compiled,
        [
            empty,
            population("too_few", [40], (0.1, 0.5), ends_on=day(2)),
            population("running", [40], (0.1, 0.5)),
            population("idle", [40], (0.0, 0.0)),
            population("final", [40], (0.1, 0.5), planned_persons=80),
            population("ratio", [40], (0.1, 0.5), shares={"a": 1.0, "b": 3.0}),
        ],
        4,
    )
    rows = warehouse.rows(
        "select * from marts.fct_experiment_results where is_latest and variant = 'b'"
    )
    told = {row["experiment_name"]: row["verdict"] for row in rows}
    assert told == {
        "nobody": "Nobody was exposed since 2026-03-01: look whether the event of the exposure is "
        "sent, with this key.",
        "too_few": "It ended with fewer persons than planned. Only the always-valid interval "
        "holds.",
        "running": RUNNING,
        "idle": f"{RUNNING} Nobody has done it in the window: look whether the event of the metric "
        "is sent.",
        "final": "The planned size was reached on 2026-03-02. The final interval holds.",
        "ratio": "The variants do not have the planned shares of persons. Find out why before you "
        "read the differences.",
    }
    days = {row["experiment_name"]: row["days_until_planned"] for row in rows}
    assert days == {"nobody": None, "too_few": None, "final": 0} | dict.fromkeys(
        ["running", "idle", "ratio"], days["running"]
    )


def test_who_is_left_out_is_counted_in_the_verdict(compiled: CompiledModels) -> None:
    warehouse = results(compiled, [population("x", [40], (0.1, 0.5))], 1)
    warehouse.connection.execute(
        """
        update marts.fct_experiment_exposures
        set
            is_counted = false,
            problem = if(variant = 'a', 'several_variants', 'variant_unplanned'),
            variant = if(variant = 'a', 'a', 'c')
        where person_id in ('x 0', 'x 1', 'x 40')
        """
    )
    for model in compiled.models:
        if model.name.startswith("int_experiment_") and "events" not in model.name:
            warehouse.run(model, full_refresh=True)
    warehouse.run(
        next(m for m in compiled.models if m.name == "fct_experiment_results"), full_refresh=True
    )
    row = rows_of(warehouse, "x")[day(1)]
    assert row["verdict"].endswith(
        "Persons who saw several variants, and are in no result: 2. Persons who saw only variants "
        "that experiments.yml does not have: 1."
    )


def test_the_macro_says_what_the_table_says_and_what_to_write(compiled: CompiledModels) -> None:
    warehouse = results(compiled, [population("x", [40, 60], (0.1, 0.2))], 3)
    asked(warehouse)
    rows = warehouse.rows("from experiment('x', period := 'day')")
    table = warehouse.rows(
        "select * exclude (experiment_name, is_latest) from marts.fct_experiment_results"
    )
    assert sorted(map(repr, map(sorted, (row.items() for row in rows)))) == sorted(
        map(repr, map(sorted, (row.items() for row in table)))
    )
    assert warehouse.rows("from experiment('x')") == rows[-2:]
    for query, mistake in (
        ("experiment('y')", "none is called y; write one of: x"),
        ("experiment(null)", "name is missing; write one of: x"),
        ("experiment('x', period := 'week')", "period is 'day', or null for the last day alone"),
    ):
        with pytest.raises(duckdb.Error, match=mistake):
            warehouse.rows(f"from {query}")
    warehouse.connection.execute("delete from marts.fct_experiment_results")
    with pytest.raises(duckdb.Error, match="there is none yet; write one into"):
        warehouse.rows("from experiment('x')")
