from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.processes import CannotRun, collector, run_nightly
from ingestion.settings import Settings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_process_starts_does_not_leave_it_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # The signal used to end Popen halfway: the process ran on, and its id was lost.
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    # As demo.__main__ does: SIGTERM is to end it like Ctrl-C.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            collector(Settings(home=tmp_path), 1, {"demo": "k"}, tmp_path / "log"),
        ):
            pytest.fail("it started all the same")
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        assert [process.poll() for process in started] == [-signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, former)
        for process in started:
            process.kill()


def test_a_failed_nightly_job_says_why_without_its_traceback(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "history").write_text("where Dagster wants a folder")
    log = tmp_path / "log"
    with pytest.raises(CannotRun) as failed:
        run_nightly(settings, log, lambda done, total: None)
    assert "Traceback" in log.read_text()
    headline, cause, whole = str(failed.value).splitlines()
    assert headline == "the nightly job failed:"
    assert cause.strip().startswith("NotADirectoryError: ")
    assert whole.strip() == f"(all of it: {log})"
