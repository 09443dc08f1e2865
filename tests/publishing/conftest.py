"""Warehouses that several files ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversion.marts import tell
from publishing.publish import publish
from tests import golden
from tests.histories import random_histories
from tests.models_in_memory import CompiledModels, MemoryWarehouse, loaded, warehouse_copy
from tests.oracle.facts import Facts, facts
from tests.publishing.asking import asked, named_by_strangers
from warehouse.connection import connect, writer_lock

HISTORIES = 15


@pytest.fixture(scope="session")
def told(compiled: CompiledModels) -> list[tuple[MemoryWarehouse, Facts]]:
    """Warehouses of golden days and of random histories, each with the facts it was told."""
    loads = [[golden.load(day)] for day in golden.DAYS]
    loads += [list(history.loads) for history in random_histories(seed=4, count=HISTORIES)]
    return [(asked(loaded(compiled, history)), facts(history)) for history in loads]


@pytest.fixture(scope="session")
def warehouses(told: list[tuple[MemoryWarehouse, Facts]]) -> list[MemoryWarehouse]:
    """Those warehouses alone."""
    return [warehouse for warehouse, _ in told]


@pytest.fixture(scope="session")
def published(compiled: CompiledModels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of the golden days, written by publish itself."""
    settings = warehouse_copy(compiled, tmp_path_factory.mktemp("published"))
    with writer_lock(settings):
        with connect(settings) as connection:
            tell(connection, compiled.questions, settings.reporting_time_zone)
        publish(settings)
    return settings.published


@pytest.fixture(scope="session")
def strange(compiled: CompiledModels) -> MemoryWarehouse:
    """Events called like steps of several, like conditions, or with a blank at the end."""
    return named_by_strangers(compiled)
