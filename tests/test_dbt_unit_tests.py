"""The models' own unit tests, one for each edge of a rule; the nightly build leaves them out."""

from __future__ import annotations

import json

from tests.models_in_memory import CompiledModels, run_dbt

#: Fewer than this would mean that the selection found something else than the unit tests.
AT_LEAST = 60


def test_every_dbt_unit_test_passes(compiled: CompiledModels) -> None:
    run_dbt(compiled.settings, "test", "--select", "test_type:unit")

    results = compiled.settings.home / "dbt" / "target" / "run_results.json"
    statuses = [
        result["status"]
        for result in json.loads(results.read_text())["results"]
        if result["unique_id"].startswith("unit_test.")
    ]
    assert len(statuses) >= AT_LEAST
    assert set(statuses) == {"pass"}
