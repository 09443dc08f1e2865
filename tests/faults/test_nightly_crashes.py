"""Promise 2 and 3 over kill -9: a plain re-run gives what an undisturbed night gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.dying_nightly import MOMENTS
from tests.test_end_to_end import CHECKOUT, Marts, Site, golden_lines

#: Nine nights and more: the long run's (`make faults`).
pytestmark = pytest.mark.crashes
LINES = list({line["event_id"]: line for line in golden_lines()}.values())
FIRST, SECOND = LINES[::2], LINES[1::2]
#: In the load, in the models with dbt and without, in publishing, on one home after the other.
FEW_MOMENTS = [
    "after the load's commit",
    "in the middle of an increment",
    "in the middle of the models",
    "after the rename",
]


def die(site: Site, moment: str) -> None:
    """Run the nightly job until it is killed at this moment."""
    environment = os.environ | {
        "FOOTFALL_HOME": str(site.settings.home),
        "FOOTFALL_DBT_PROJECT": str(site.settings.dbt_project),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying_nightly", moment],
        cwd=CHECKOUT,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout[-3000:] + done.stderr[-3000:]


def night(site: Site) -> None:
    done = site.nightly()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def everything(site: Site) -> Marts:
    """All published marts, and what people could have read of changes (not when, not by whom)."""
    restated: list[tuple[Any, ...]] = [row[:3] for row in site.restatements()]
    return site.answers() | {"restatements": sorted(restated, key=str)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Marts:
    site = Site(tmp_path_factory.mktemp("undisturbed") / "site")
    for number, lines in enumerate((FIRST, SECOND)):
        site.land(f"{number}", lines)
        night(site)
    return everything(site)


def test_a_night_that_dies_at_every_stage_ends_as_if_it_had_not(
    tmp_path: Path, undisturbed: Marts
) -> None:
    site = Site(tmp_path / "site")
    site.land("0", FIRST)
    night(site)
    before = site.answers()
    site.land("1", SECOND)
    for moment in FEW_MOMENTS:
        die(site, moment)
        if moment != "after the rename":
            assert site.answers() == before, moment
        else:
            before = site.answers()
    night(site)
    assert everything(site) == undisturbed


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_night_that_died_is_made_good_by_the_next(
    tmp_path: Path, undisturbed: Marts, moment: str
) -> None:
    site = Site(tmp_path / "site")
    site.land("0", FIRST)
    night(site)
    site.land("1", SECOND)
    die(site, moment)
    night(site)
    assert everything(site) == undisturbed
