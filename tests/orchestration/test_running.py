"""A run of a terminal ends when it is told to, wherever it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingestion.settings import Settings
from tests.prepared import furnish
from tests.warm import run_code

#: Where SIGTERM comes: as dlt ends its work, which loses it; and between two steps.
MOMENTS = {
    "as the load commits": """
        from dlt.load.load import Load
        whole = Load.complete_package
        def told(self, *arguments, **named):
            os.kill(os.getpid(), signal.SIGTERM)
            return whole(self, *arguments, **named)
        Load.complete_package = told
    """,
    "after a step": """
        from orchestration.runs import run_progress
        whole = run_progress.progress
        def told(event):
            if event.is_step_success and event.step_key == "load":
                os.kill(os.getpid(), signal.SIGTERM)
            return whole(event)
        run_progress.progress = told
    """,
}
NIGHTLY = """
import os, signal, sys
sys.argv = ["orchestration", "nightly"]
from orchestration.__main__ import main
from orchestration.prepare import prepare
from ingestion.settings import get_settings
prepare(get_settings())
{moment}
sys.exit(main())
"""


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_ends_a_run_of_a_terminal_wherever_it_comes(tmp_path: Path, moment: str) -> None:
    furnish(Settings(home=tmp_path))
    code = "\n".join(line[8:] for line in MOMENTS[moment].splitlines())
    environment = os.environ | {"FOOTFALL_HOME": str(tmp_path)}
    done = run_code(NIGHTLY.format(moment=code), environment=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "it was told to end (SIGTERM, Ctrl-C, or in the UI); run it again" in done.stderr
    assert not (tmp_path / "published" / "footfall.duckdb").exists()
    assert "checking" not in done.stdout
