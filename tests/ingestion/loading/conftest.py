"""What tests of loading share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.loading.site import Site
from tests.ingestion.loading.ways import Ways


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with an empty home."""
    return Site(tmp_path / "home")


@pytest.fixture(scope="session")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Ways:
    """Inserting alone; each use works in a folder of its own."""
    return Ways(tmp_path_factory.mktemp("ways"))
