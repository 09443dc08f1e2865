"""A home that was copied from a prepared one is prepared, for Dagster and for dbt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ingestion.settings import Settings
from orchestration.prepare import prepare
from tests.models_in_memory import run_dbt
from tests.prepared import furnish


def test_what_was_parsed_for_another_home_is_not_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "home")
    furnish(settings)

    assert "Unable to do partial parsing" not in run_dbt(settings, "parse").stdout
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("parsed again"))
    prepare(settings)
