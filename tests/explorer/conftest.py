"""Explorers that several files ask."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.explorer.site import Site, serving


@pytest.fixture(scope="session")
def golden_site(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An explorer of the golden days, which no test changes."""
    with serving(home_of(published, tmp_path_factory.mktemp("explorer"))) as each:
        yield each


@pytest.fixture
def site(published: Path, tmp_path: Path) -> Iterator[Site]:
    """An explorer of a home that a test may change."""
    with serving(home_of(published, tmp_path)) as each:
        yield each


def home_of(published: Path, home: Path) -> Path:
    (home / "published").mkdir()
    shutil.copyfile(published, home / "published" / "footfall.duckdb")
    return home
