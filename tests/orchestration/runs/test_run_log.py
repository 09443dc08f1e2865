"""What a run says goes to its log, and the news of it to the terminal."""

from __future__ import annotations

import logging
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from ingestion.settings import Settings
from orchestration.runs.run_log import OURS, kept_in, log_path, new_log


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))


def test_what_dbt_and_libraries_write_is_in_the_log_alone(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with kept_in(settings, "nightly") as terminal:
        os.write(1, b"of a library\n")
        subprocess.run(["sh", "-c", "echo of dbt; echo its errors >&2"], check=True)
        terminal.write("nightly  loading\n")
    print("published")

    said, errors = capfd.readouterr()
    assert said == "nightly  loading\npublished\n"
    assert errors == ""
    kept = log_path(settings, "nightly").read_text()
    assert set(kept.splitlines()) == {"of a library", "of dbt", "its errors"}


def test_what_a_run_waits_for_is_told_at_the_terminal(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with kept_in(settings, "nightly"):
        logging.getLogger("warehouse.connection").warning("process 7 has it: waiting")
        logging.getLogger("dlt").warning("something of dlt's")

    assert capfd.readouterr().err == "process 7 has it: waiting\n"


def test_every_package_of_a_run_may_warn() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    packages = set(project["tool"]["importlinter"]["root_packages"])
    assert set(OURS) == packages - {"footfall"}


def test_an_error_still_reaches_the_terminal_after_the_log_is_closed(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError), kept_in(settings, "nightly"):
        raise ZeroDivisionError
    os.write(2, b"a traceback\n")

    assert capfd.readouterr().err == "a traceback\n"


def test_a_log_holds_the_last_start_alone(settings: Settings) -> None:
    for text in (b"first", b"second"):
        with new_log(settings, "code") as log:
            log.write(text)

    assert log_path(settings, "code").read_bytes() == b"second"
