"""The one run that every reference test looks at, and where its data lies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.reference.data import DEFAULT_FOLDER, DataMissing, ReferenceData
from tests.reference.run import ReferenceRun, run

OPTION = "--reference-data"
POPULATIONS_OPTION = "--populations"
POPULATIONS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION,
        type=Path,
        default=DEFAULT_FOLDER,
        help="folder of the reference run's data sets (default: %(default)s)",
    )
    parser.addoption(
        POPULATIONS_OPTION,
        type=int,
        default=POPULATIONS,
        help="how many populations the intervals are tried on (default: %(default)s)",
    )


@pytest.fixture(scope="session")
def data(pytestconfig: pytest.Config) -> ReferenceData:
    # Without tests/reference on the command line the option is not known yet, only its default.
    data = ReferenceData(pytestconfig.getoption(OPTION, DEFAULT_FOLDER))
    try:
        data.check()
    except DataMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    return data


@pytest.fixture(scope="session")
def population_count(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption(POPULATIONS_OPTION, POPULATIONS))


@pytest.fixture(scope="session")
def reference_run(
    data: ReferenceData, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ReferenceRun]:
    """Everything sent, built and published. What it leaves stays only where a test fails."""
    folder = tmp_path_factory.mktemp("reference")
    yield run(data, folder)
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def published(reference_run: ReferenceRun) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, the way a BI tool opens it."""
    with duckdb.connect(str(reference_run.settings.published), read_only=True) as connection:
        yield connection
