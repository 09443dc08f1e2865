"""What tests share: the project's models, compiled once a run."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from ingestion.settings import Settings
from tests import golden, prepared
from tests.histories import FUNNELS, QUESTIONS
from tests.models_in_memory import CompiledModels, project_copy

# No test asserts how long anything takes: a busy machine would make it fail.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

#: Both name a funnel "onboarding"; the project holds them side by side.
GOLDEN_FUNNELS = [
    {**row, "funnel_name": f"golden {row['funnel_name']}"} for row in golden.funnels()
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the long run of random histories takes, and where pictures of the UI are kept."""
    parser.addoption("--histories", type=int, default=10_000)
    parser.addoption("--first-seed", type=int, default=1)
    parser.addoption("--pictures", help="folder for pictures of Dagster's UI, such as docs/ui")


@pytest.fixture(scope="session", autouse=True)
def _shared(tmp_path_factory: pytest.TempPathFactory) -> None:
    prepared.share(tmp_path_factory)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledModels:
    """The models with the definitions of the histories and of the golden days."""
    folder = tmp_path_factory.mktemp("compiled")
    golden.land(folder / "home" / "landing")
    funnels = [*FUNNELS, *GOLDEN_FUNNELS]
    project = project_copy(Settings(), Path(folder), funnels, QUESTIONS)
    return CompiledModels(Settings(home=folder / "home", dbt_project=project))
