"""What dbt's and Dagster's own records may hold of a person: texts of errors quote the data.

Everything else in them is names of tables, counts and times.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg

from ingestion.landing.ids_in_text import pieces_in
from ingestion.settings import Settings

#: Dagster's own processes read and write these databases meanwhile, a moment at a time.
PATIENCE_SECONDS: Final = 60.0
#: The job whose config says whom.
ERASURES: Final = "erase_person"
#: What dbt writes of a run, and not of the project.
DBT_RECORDS: Final = ("*.log*", "run_results.json", "sources.json")
#: What Dagster's records hold where something went wrong.
_ERROR: Final = '"SerializableErrorInfo"'


def hide_config(settings: Settings, run_id: str, op: str, config: dict[str, Any]) -> None:
    """Put another config in the place of what an op of a run was launched with, for good.

    Dagster keeps what was typed into its launchpad, and reads it again for a retry.
    """
    path = settings.dagster_home / "history" / "runs.db"
    with _opened(path) as database:
        found = database.execute("select run_body from runs where run_id = ?", [run_id]).fetchone()
        body = json.loads(found[0])
        body["run_config"]["ops"][op]["config"] = config
        database.execute(
            "update runs set run_body = ? where run_id = ?", [json.dumps(body), run_id]
        )
        database.commit()
        _shrink(database)


def forget_in_dbt(settings: Settings) -> int:
    """Delete dbt's logs and results; the files that went. The parsed project stays.

    The logs of terminals quote dbt. They are emptied: a `make up` goes on writing to its own.
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

    With them go erasures that never began, which still say whom they were for.
    ``running`` is the run that asks for it, which stays.
    """
    home = settings.dagster_home
    history = home / "history"
    if not history.exists():
        return {}
    failed = {
        path.stem
        for path in (history / "runs").glob("*.db")
        if path.stem not in ("index", running) and list(_naming(path, "event_logs", "event", names))
    }
    with _opened(history / "runs.db") as database:
        for run_id, body in database.execute("select run_id, run_body from runs"):
            if run_id != running and _names_any(json.dumps(_config_of(body)), names):
                failed.add(run_id)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for run_id in failed:
            instance.delete_run(run_id)
    for run_id in failed:
        for path in (history / "runs").glob(f"{run_id}.db*"):
            path.unlink()
        shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    schedules = home / "schedules" / "schedules.db"
    ticks = list(_naming(schedules, "job_ticks", "tick_body", names))
    with _opened(schedules) as database:
        database.executemany("delete from job_ticks where rowid = ?", [[tick] for tick in ticks])
        database.commit()
    for path in (schedules, history / "runs.db", history / "runs" / "index.db"):
        with _opened(path) as database:
            _shrink(database)
    logs = [
        path
        for path in (home / "storage").glob("*/compute_logs/*")
        if path.parents[1].name != running and _names_any(path.read_text(errors="replace"), names)
    ]
    for path in logs:
        path.unlink()
    return {
        "dagster, failed runs": len(failed),
        "dagster, ticks": len(ticks),
        "dagster, console logs": len(logs),
    }


def _config_of(run_body: str) -> Any:
    """What an erasure was launched with; nothing of other jobs, whose configs name nobody."""
    body = json.loads(run_body)
    return body["run_config"] if body["pipeline_name"] == ERASURES else None


def _naming(path: Path, table: str, column: str, names: set[str]) -> Iterator[int]:
    """The rows of a table that hold an error whose text names anybody."""
    with _opened(path) as database:
        for row_id, body in database.execute(f"select rowid, {column} from {table}"):
            if _ERROR in body and _names_any(body, names):
                yield row_id


def _names_any(text: str, names: set[str]) -> bool:
    return any(piece in names for piece in pieces_in(text))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=PATIENCE_SECONDS)) as database:
        yield database


def _shrink(database: sqlite3.Connection) -> None:
    """Give back the pages of what was deleted, in the write-ahead log too; raises OSError."""
    database.execute("vacuum")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        (is_busy, *_), *_ = database.execute("pragma wal_checkpoint(truncate)").fetchall()
        if not is_busy:
            return
        if time.monotonic() > give_up_at:
            raise OSError("Dagster does not let go of its database: run this again")
        time.sleep(0.1)
