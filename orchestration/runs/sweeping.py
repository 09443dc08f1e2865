"""Sweeping: deletes what runs left behind, and what the site no longer wants to keep."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from ingestion.landing.store import LandedFile, Landing
from ingestion.ledger import read_ledger, sweep_orphans
from ingestion.settings import Settings
from orchestration.dagster_internals import files_of_run
from warehouse.connection import connect

#: Files that a killed publish, verification or load leaves in the folders of the home.
LEFTOVERS = (
    ("published", ".footfall-*"),
    ("warehouse", ".verify-*"),
    ("dlt", "*"),
)
#: Runs of Dagster that are deleted in one sweep: each takes a few milliseconds.
MAX_RUNS = 1_000
RUNS = "runs of Dagster"
FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
#: Jobs whose runs mark no received day. Of all runs, 24 in 25 are of the hourly `watch`.
FORGOTTEN_JOBS = {
    *("watch", "sweep", "verify_exactness", "reload_files", "replay_quarantine", "erase_person"),
    "full_refresh",
}


@dataclass(frozen=True)
class Retention:
    """For how many days landed files and Dagster's runs are kept; None keeps them for ever."""

    landing_days: int | None = None
    quarantine_days: int | None = None
    run_days: int | None = None


@dataclass
class Swept:
    """What was or would be deleted: by place, how many and how many bytes."""

    counts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)

    def add(self, place: str, size_bytes: int = 0, count: int = 1) -> None:
        """Count something that is deleted."""
        if count:
            self.counts[place] += count
            self.sizes[place] += size_bytes


def sweep(
    settings: Settings,
    retention: Retention,
    now: datetime,
    *,
    dry_run: bool,
    instance: dg.DagsterInstance | None = None,
) -> Swept:
    """Delete orphan rows, leftovers, and landed files and runs past their retention.

    A landed file is deleted only if a completed load has it. Manifests are never deleted: they are
    small, and they prove what the ledger says. With ``dry_run`` nothing is written. The caller
    holds the writer lock.
    """
    swept = Swept()
    with connect(settings) as connection:
        loaded = read_ledger(connection).sizes
        connection.execute("begin")
        swept.add("rows of loads that never completed", count=sweep_orphans(connection))
        connection.execute("rollback" if dry_run else "commit")
    for folder, pattern in LEFTOVERS:
        for path in sorted((settings.home / folder).glob(pattern)):
            swept.add(f"leftovers in {folder}/", _size(path))
            if not dry_run:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    landing = Landing(settings.landing)
    for file in landing.files():
        if file.name in loaded and _is_past(file, retention, now):
            swept.add(f"files in landing/{file.kind}/", file.size_bytes)
            if not dry_run:
                landing.delete(file)
    if instance and retention.run_days is not None:
        before = now - timedelta(days=retention.run_days)
        _sweep_runs(settings, instance, before, swept, dry_run=dry_run)
    return swept


def _is_past(file: LandedFile, retention: Retention, now: datetime) -> bool:
    days = {"events": retention.landing_days, "quarantine": retention.quarantine_days}
    kept_for = days.get(file.kind)
    if kept_for is None or file.modified_at is None:
        return False
    return file.modified_at < now - timedelta(days=kept_for)


def _sweep_runs(
    settings: Settings,
    instance: dg.DagsterInstance,
    before: datetime,
    swept: Swept,
    *,
    dry_run: bool,
) -> None:
    """Delete finished runs and their logs; a queued or running run stays.

    For a run that may have marked received days we delete the logs and keep the record. It holds
    the marks, and the UI needs them to show which days are loaded.
    """
    runs = instance.get_runs(
        dg.RunsFilter(statuses=FINISHED, created_before=before.astimezone(UTC))
    )
    for run in runs:
        logs = [path for path in files_of_run(settings.dagster_home, run.run_id) if path.exists()]
        is_kept = run.job_name not in FORGOTTEN_JOBS
        if is_kept and not logs:
            continue
        if swept.counts[RUNS] == MAX_RUNS:
            break
        swept.add(RUNS, sum(_size(path) for path in logs))
        if dry_run:
            continue
        if not is_kept:
            instance.delete_run(run.run_id)
        # Dagster deletes the run's events from its database and keeps the file and the output.
        delete_logs(settings, run.run_id)


def delete_logs(settings: Settings, run_id: str) -> None:
    """Delete the logs of a run."""
    for path in files_of_run(settings.dagster_home, run_id):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
