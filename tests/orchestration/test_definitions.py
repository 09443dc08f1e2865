"""The definitions hold together as a whole, as the UI and the daemon load them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ingestion.settings import Settings
from orchestration.prepare import prepare

# Each job resolved by itself is not yet a repository: an op with a job's name broke only that,
# and with it the UI and the daemon, while `python -m orchestration run` went on working.
PROGRAM = """
from orchestration.definitions import defs
repository = defs.get_repository_def()
repository.load_all_definitions()
print(*sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")))
"""


def test_the_definitions_load_as_one_repository(tmp_path: Path) -> None:
    prepare(Settings(home=tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "FOOTFALL_HOME": str(tmp_path)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {"nightly", "full_refresh", "reload_files", "sweep"} <= set(done.stdout.split())
