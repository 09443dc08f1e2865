"""Dagster's steps run the installed dbt, and nothing goes to PyPI to ask for a later one."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from ingestion.settings import Settings
from orchestration.dbt_command import DBT
from orchestration.dbt_resource import InstalledDbt


def test_the_version_is_told_without_running_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("a program was run")

    monkeypatch.setattr("dagster_dbt.core.resource.check_output", refuse)
    project = str(Settings().dbt_project)
    dbt = InstalledDbt(project_dir=project, profiles_dir=project, dbt_executable=DBT)

    assert str(dbt._cli_version) == version("dbt-core")
