"""Warehouses that several files ask."""

from __future__ import annotations

import pytest

from tests import golden
from tests.histories import History, random_histories, side_by_side
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.facts import Facts, facts
from tests.publishing.asking import asked, named_by_strangers

HISTORIES = 15


@pytest.fixture(scope="session")
def told(compiled: CompiledModels) -> list[tuple[MemoryWarehouse, Facts]]:
    """A warehouse of golden days and of random histories, with the facts it was told.

    They share it: a question is planned for a third of a second, and answered in a tenth.
    """
    golden_days = [History([golden.load(day)]) for day in golden.DAYS]
    history = side_by_side([*golden_days, *random_histories(seed=4, count=HISTORIES)])
    return [(asked(loaded(compiled, history.loads)), facts(history.loads))]


@pytest.fixture(scope="session")
def warehouses(told: list[tuple[MemoryWarehouse, Facts]]) -> list[MemoryWarehouse]:
    """Those warehouses alone."""
    return [warehouse for warehouse, _ in told]


@pytest.fixture(scope="session")
def strange(compiled: CompiledModels) -> MemoryWarehouse:
    """Events called like steps of several, like conditions, or with a blank at the end."""
    return named_by_strangers(compiled)
