"""Imports dagster-dbt without dbt, which saves a second of processor time in each process.

dagster-dbt also supports an engine that is not a Python library. If it finds no dbt, it reads all
it needs from the manifest. Only the process that runs dbt then loads dbt's libraries.
"""

from __future__ import annotations

import sys

_ENGINE = "dbt.version"

if _ENGINE not in sys.modules:
    # With this value Python reports that there is no such module.
    sys.modules[_ENGINE] = None  # type: ignore[assignment]
    try:
        import dagster_dbt  # noqa: F401
    finally:
        del sys.modules[_ENGINE]
