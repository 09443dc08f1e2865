"""Warehouses that several files ask."""

from __future__ import annotations

import pytest

from tests import golden
from tests.histories import random_histories, side_by_side
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded
from tests.oracle.facts import Facts, facts
from tests.publishing.asking import asked, named_by_strangers

HISTORIES = 15
#: Histories that share a warehouse: most of the time of a small one goes into planning questions.
TOGETHER = 5


@pytest.fixture(scope="session")
def told(compiled: CompiledModels) -> list[tuple[MemoryWarehouse, Facts]]:
    """Warehouses of golden days and of random histories, each with the facts it was told."""
    loads = [[golden.load(day)] for day in golden.DAYS]
    random = list(random_histories(seed=4, count=HISTORIES))
    shares = [random[place : place + TOGETHER] for place in range(0, HISTORIES, TOGETHER)]
    loads += [list(side_by_side(share).loads) for share in shares]
    return [(asked(loaded(compiled, history)), facts(history)) for history in loads]


@pytest.fixture(scope="session")
def warehouses(told: list[tuple[MemoryWarehouse, Facts]]) -> list[MemoryWarehouse]:
    """Those warehouses alone."""
    return [warehouse for warehouse, _ in told]


@pytest.fixture(scope="session")
def strange(compiled: CompiledModels) -> MemoryWarehouse:
    """Events called like steps of several, like conditions, or with a blank at the end."""
    return named_by_strangers(compiled)
