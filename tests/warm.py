"""Programs of ours, each in a process of its own that has its libraries from the start.

It is forked from one that has imported them: four seconds of the processor's time a nightly run.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
#: Of others only: what is ours may read the environment when it is imported.
LIBRARIES = [
    "dagster",
    "dagster_dbt",
    "dagster_dlt",
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "dlt",
    "dlt.destinations.impl.duckdb.duck",
]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(LIBRARIES)


def run_code(
    code: str,
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path = CHECKOUT,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """What ``python -c code`` does and says in a folder, whatever it ends with."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "stdin").write_text(given)
        process = SERVER.Process(
            target=_run, args=(Path(name), folder, code, arguments, dict(environment))
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        stdout, stderr = ((Path(name) / each).read_text() for each in ("stdout", "stderr"))
    return subprocess.CompletedProcess([code, *arguments], process.exitcode, stdout, stderr)


def run_module(
    module: str, *arguments: str, environment: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """What ``python -m module`` does and says in the checkout, whatever it ends with."""
    code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return run_code(code, *arguments, environment=environment, given=given)


def _run(
    standard: Path,
    folder: Path,
    code: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdin = (standard / "stdin").open()
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(standard / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["-c", *arguments]
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        # A process of multiprocessing ends without.
        atexit._run_exitfuncs()
