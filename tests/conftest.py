"""What tests share: the project's models, compiled once a run."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import hypothesis
import pytest

from conversion.marts import tell
from ingestion.settings import Settings
from publishing.publish import publish
from tests import golden, prepared
from tests.histories import COHORTS, EXPERIMENTS, FUNNELS, QUESTIONS
from tests.models_in_memory import CompiledModels, project_copy, warehouse_copy
from warehouse.connection import connect, writer_lock

# No test asserts how long anything takes: a busy machine would make it fail.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

#: Both name a funnel "onboarding"; the project holds them side by side.
GOLDEN_FUNNELS = [
    {**row, "funnel_name": f"golden {row['funnel_name']}"} for row in golden.funnels()
]
#: Half a minute and more each, and some share a site that takes as long to make.
LONGEST = (
    "orchestration/erasure/test_erase.py",
    "browser/test_dagster_ui.py",
    "test_end_to_end.py",
    "faults/test_daemon.py",
    "deploy/test_up.py",
    "deploy/test_restore.py",
    "deploy/test_roles.py",
    "demo/test_end_to_end.py",
    "transformation/test_definition.py",
    "orchestration/test_audit.py",
)
TESTS = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker of two begin with the longest, and the other with what is compiled.

    Each gets one half of the list, and who is through takes from the end of the other's.
    """
    longest: list[pytest.Item] = []
    of_models: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        if str(item.path.relative_to(TESTS)) in LONGEST:
            longest.append(item)
        elif "compiled" in getattr(item, "fixturenames", ()):
            of_models.append(item)
        else:
            others.append(item)
    longest.sort(key=lambda item: LONGEST.index(str(item.path.relative_to(TESTS))))
    first = [*of_models, *others]
    half = len(items) // 2
    items[:] = [*first[:half], *longest, *first[half:]]


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
    """The models with the definitions of the histories and of the golden days.

    One worker compiles them, each has a copy.
    """
    with prepared.made_once("compiled") as shared:
        pickled = shared / "models.pickle"
        if not pickled.exists():
            golden.land(shared / "home" / "landing")
            funnels = [*FUNNELS, *GOLDEN_FUNNELS]
            project = project_copy(Settings(), shared, funnels, QUESTIONS, COHORTS, EXPERIMENTS)
            made = CompiledModels(Settings(home=shared / "home", dbt_project=project))
            pickled.write_bytes(pickle.dumps(made))
    folder = tmp_path_factory.mktemp("compiled") / "copy"
    shutil.copytree(shared, folder)
    copy: CompiledModels = pickle.loads((folder / "models.pickle").read_bytes())
    copy.settings = Settings(home=folder / "home", dbt_project=folder / "dbt_project")
    prepared.settle_dbt(copy.settings)
    return copy


@pytest.fixture(scope="session")
def published(compiled: CompiledModels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file of the golden days, written by publish itself."""
    settings = warehouse_copy(compiled, tmp_path_factory.mktemp("published"))
    with writer_lock(settings):
        with connect(settings) as connection:
            tell(connection, compiled.questions, settings.reporting_time_zone)
        publish(settings)
    return settings.published
