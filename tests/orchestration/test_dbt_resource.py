"""Dagster's steps run the installed dbt, and nothing goes to PyPI to ask for a later one."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
from dagster_dbt.core.dbt_cli_invocation import DbtCliInvocation

from ingestion.settings import Settings
from orchestration.dbt_resource import InstalledDbt
from transformation.dbt_command import DBT


def test_the_version_is_told_without_running_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("a program was run")

    monkeypatch.setattr("dagster_dbt.core.resource.check_output", refuse)
    project = str(Settings().dbt_project)
    dbt = InstalledDbt(project_dir=project, profiles_dir=project, dbt_executable=DBT)

    assert str(dbt._cli_version) == version("dbt-core")


def test_dagster_makes_no_connection_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: dict[str, Any] = {}
    monkeypatch.setattr(DbtCliInvocation, "run", lambda **options: said.update(options))
    project = str(Settings().dbt_project)
    InstalledDbt(project_dir=project, profiles_dir=project, dbt_executable=DBT).cli(
        ["build"], manifest={"metadata": {}, "nodes": {}, "sources": {}}
    )

    assert said["args"][1:] == ["build"]
    assert said["adapter"] is None
    assert caplog.messages == []
