"""dbt's own check of its sources: `dbt source freshness`."""

from __future__ import annotations

import json
from pathlib import Path

from dagster_dbt import DbtCliResource

from orchestration.checks.check_result import Finding


def sources_are_fresh(dbt: DbtCliResource, target: Path) -> Finding:
    """Flags: a source of the models whose newest event is older than its YAML allows.

    Matters: models build without a warning of old data; this is dbt's own view of what they read.
    Do: as for raw_events_are_fresh, which reports each source.
    """
    results = target / "sources.json"
    # If dbt fails before it writes results, the file here would be that of another run.
    results.unlink(missing_ok=True)
    dbt.cli(["source", "freshness"], target_path=target, raise_on_error=False).wait()
    try:
        found = json.loads(results.read_text())["results"]
    except (FileNotFoundError, json.JSONDecodeError):
        found = []
    # For a source that it cannot read, dbt logs an error and writes no result.
    if not found:
        return Finding(False, "dbt could not read its sources: its log in the run says why")
    statuses = {each["unique_id"].split(".", 2)[2]: each for each in found}
    late = {
        name: each.get("max_loaded_at", "unknown")
        for name, each in statuses.items()
        if each["status"] != "pass"
    }
    return Finding(
        not late,
        "; ".join(f"{name}: newest {seen}" for name, seen in late.items())
        or f"{len(statuses)} sources are fresh",
        {
            name: f"{each['status']}, newest {each.get('max_loaded_at')}"
            for name, each in statuses.items()
        },
    )
