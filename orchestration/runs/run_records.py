"""What dbt's and Dagster's own records may contain about a person: error texts quote the data.

The rest of them is names of tables, counts and times.
"""

from __future__ import annotations

import os
from typing import Final

from ingestion.landing.ids_in_text import pieces_in
from ingestion.settings import Settings
from orchestration import dagster_internals

#: The job whose config names a person.
ERASURES: Final = "erase_person"
#: What dbt writes about a run, not about the project.
DBT_RECORDS: Final = ("*.log*", "run_results.json", "sources.json")


def forget_in_dbt(settings: Settings) -> int:
    """Delete dbt's logs and results, and count the files. The parsed project stays.

    The logs of terminals quote dbt. They are emptied, not deleted, because a running `make up`
    still writes to its own.
    """
    folder = settings.home / "dbt"
    paths = [path for name in DBT_RECORDS for path in folder.rglob(name)]
    for path in paths:
        path.unlink()
    logs = list((settings.home / "logs").glob("*.log"))
    for path in logs:
        os.truncate(path, 0)
    return len(paths) + len(logs)


def forget_in_dagster(settings: Settings, names: set[str], *, running: str = "") -> dict[str, int]:
    """Delete the failed runs, ticks and console logs that name anybody: place → how many.

    Also deletes erasures that never began, because they still name the person.
    ``running`` is the run that calls this; it stays.
    """

    def is_named(text: str) -> bool:
        return any(piece in names for piece in pieces_in(text))

    return dagster_internals.forget(settings.dagster_home, is_named, job=ERASURES, running=running)
