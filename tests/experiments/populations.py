"""Populations of experiments, as the models of results read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.models_in_memory import CompiledModels, MemoryWarehouse
from warehouse.definition_tables import keep
from warehouse.meta import (
    EXPERIMENT_EVENTS,
    EXPERIMENT_METRICS,
    EXPERIMENT_PLANS,
    EXPERIMENT_VARIANTS,
)

START = date(2026, 3, 1)
#: The models from the marts of persons to the results.
RESULTS = (
    "int_experiment_days_summed",
    "int_experiment_variants_measured",
    "int_experiment_pairs_compared",
    "fct_experiment_results",
)
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """The persons of an experiment with one metric: arrays of the same length.

    ``days`` count from START, a window is a day long, and a day's persons are mature the day after.
    """

    name: str
    variants: Sequence[str]
    days: Integers
    values: Floats
    kind: str = "conversion"
    planned_persons: int = 1000
    shares: dict[str, float] | None = None
    earlier: Floats | None = None
    ends_on: date | None = None


def results(
    compiled: CompiledModels, populations: Sequence[Population], last_day: int
) -> MemoryWarehouse:
    """A warehouse with the results of these experiments, as of the end of a day."""
    warehouse = MemoryWarehouse(compiled)
    warehouse.build()
    connection = warehouse.connection
    plans, shares, metrics = [], [], []
    for each in populations:
        names = each.shares or dict.fromkeys(sorted(set(each.variants)), 1.0)
        whole = sum(names.values())
        plans.append((each.name, "?", min(names), START, each.ends_on, each.planned_persons))
        shares += [(each.name, name, share / whole) for name, share in names.items()]
        metrics.append((each.name, "m", each.kind, None, 1, False))
    keep(
        connection,
        {
            EXPERIMENT_PLANS: plans,
            EXPERIMENT_VARIANTS: shares,
            EXPERIMENT_METRICS: metrics,
            EXPERIMENT_EVENTS: [],
        },
    )
    edge = datetime.combine(START, datetime.min.time()) + timedelta(days=last_day + 1)
    connection.execute(
        "create or replace table intermediate.int_data_edge as select cast(? as timestamp)"
        " as data_through",
        [edge - timedelta(seconds=1)],
    )
    _fill(warehouse, "fct_experiment_exposures", [_exposures(each) for each in populations])
    _fill(warehouse, "fct_experiment_values", [_values(each, last_day) for each in populations])
    for model in compiled.models:
        if model.name in RESULTS:
            warehouse.run(model, full_refresh=True)
    return warehouse


def _fill(warehouse: MemoryWarehouse, table: str, parts: Sequence[dict[str, Any]]) -> None:
    rows = pa.concat_tables(map(pa.table, parts), promote_options="permissive")
    warehouse.connection.register("rows_given", rows)
    columns = ", ".join(rows.column_names)
    warehouse.connection.execute(
        f"insert into marts.{table} ({columns}) select {columns} from rows_given"
    )
    warehouse.connection.unregister("rows_given")


def _exposures(population: Population) -> dict[str, Any]:
    count = len(population.days)
    return {
        "experiment_name": [population.name] * count,
        "person_id": [f"{population.name} {number}" for number in range(count)],
        "variant": list(population.variants),
        "exposure_date": [START + timedelta(days=int(day)) for day in population.days],
        "is_counted": [True] * count,
    }


def _values(population: Population, last_day: int) -> dict[str, Any]:
    count = len(population.days)
    earlier = np.zeros(count) if population.earlier is None else population.earlier
    return {
        "experiment_name": [population.name] * count,
        "metric_name": ["m"] * count,
        "person_id": [f"{population.name} {number}" for number in range(count)],
        "variant": list(population.variants),
        "closes_on": [START + timedelta(days=int(day) + 1) for day in population.days],
        "is_mature": [bool(day < last_day) for day in population.days],
        "metric_value": population.values,
        "earlier_value": earlier,
        "has_earlier_period": [population.earlier is not None] * count,
    }
