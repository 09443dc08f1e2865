"""Programs of ours, each in a process of its own that has its libraries from the start.

It is forked from one that has imported them: four seconds of the processor's time a nightly run.
The dbt that it starts is forked from it in turn: two seconds each.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from transformation.dbt_command import DBT

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


class _Popen(subprocess.Popen[Any]):
    """Starts programs as its class does, but dbt in a fork of this process."""

    def __init__(self, args: Any, *positional: Any, **named: Any) -> None:
        if not isinstance(args, str) and args[0] == DBT:
            environment = dict(named.get("env") or os.environ)
            named["preexec_fn"] = partial(_be_dbt, args, environment)
        super().__init__(args, *positional, **named)


def _be_dbt(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """What the program dbt does, in a child that has its folder and its standard files."""
    # With the rest goes the pipe whose end tells the parent that the program has begun.
    kept = resource_tracker.getfd()
    assert kept is not None
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    # A Popen gives a program the default, and Python ignores it when it starts.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = list(arguments)
    # What the others hold is not yet written, and not to be written twice.
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    code: Any = 1
    try:
        from dbt.cli.main import cli

        cli()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code or 0))


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
    subprocess.Popen = _Popen  # type: ignore[misc]
    try:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        # A process of multiprocessing ends without.
        atexit._run_exitfuncs()
