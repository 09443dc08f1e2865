"""What tests of loading share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.loading.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with an empty home."""
    return Site(tmp_path / "home")
