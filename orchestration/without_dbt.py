"""Imports dagster-dbt without dbt, which it can do without: a second of processor time a process.

dagster-dbt also serves an engine that is no Python library. Where it finds no dbt it takes all it
has to know out of the manifest, and the libraries are left to what runs dbt, if anything does.
"""

from __future__ import annotations

import sys

_ENGINE = "dbt.version"

if _ENGINE not in sys.modules:
    # Python's own way to say that there is no such module.
    sys.modules[_ENGINE] = None  # type: ignore[assignment]
    try:
        import dagster_dbt  # noqa: F401
    finally:
        del sys.modules[_ENGINE]
