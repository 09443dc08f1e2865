"""A site that lacks the libraries of its engine is told which, before anything runs."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from ingestion.settings import Settings
from orchestration import prepare
from transformation.manifest import NotPrepared


def test_spark_without_its_libraries_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "dbt.adapters.spark" else find_spec(name, package)

    monkeypatch.setattr(prepare, "find_spec", missing)
    settings = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "engine": "spark",
            "iceberg_catalog": "sqlite:///catalog.db",
            "iceberg_warehouse": tmp_path.as_uri(),
        }
    )
    with pytest.raises(NotPrepared, match="install the extra spark"):
        prepare.prepare(settings)
