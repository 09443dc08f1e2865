"""A warehouse of few models, which most tests of models build."""

from __future__ import annotations

from tests.histories import random_histories, side_by_side
from tests.models_in_memory import CompiledModels, MemoryWarehouse


def test_a_mart_is_the_same_among_few_models_as_among_all(compiled: CompiledModels) -> None:
    few = compiled.only("dim_persons")
    history = side_by_side(list(random_histories(seed=8, count=2)))
    made, wanted = MemoryWarehouse(few), MemoryWarehouse(compiled)
    for files in history.loads:
        for warehouse in (made, wanted):
            warehouse.load(files)
            warehouse.build()
        marts = made.marts()
        assert marts["dim_persons"]
        assert marts == {name: rows for name, rows in wanted.marts().items() if name in marts}
    assert len(few.models) < len(compiled.models) / 2
    # A test of the data stays if it has all its tables.
    assert {test.name for test in few.tests} >= {"unique_dim_persons_person_id"}
    assert made.failed_tests() == []
