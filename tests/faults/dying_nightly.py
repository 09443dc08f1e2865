"""The nightly job in a process that is killed at a named moment, as by kill -9 or the OOM killer.

``python -m tests.faults.dying_nightly MOMENT``. Nothing of the product knows of it: the moment is
a function of ours that is about to be called, or a line in dbt's own log.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from unittest.mock import patch

from ingestion.settings import get_settings
from orchestration.prepare import prepare
from transformation.dbt_command import dbt_target

#: Moment → module and attribute whose call is the last thing the process does.
CALLS = {
    "before the load": ("ingestion.loading.pipeline", "make_pipeline"),
    "after the load's commit": ("orchestration.assets", "days_of_load"),
    "before publishing": ("orchestration.assets", "publish"),
    "before the rename": ("publishing.publish", "_verify"),
    "after the rename": ("publishing.publish", "forget_changes"),
}
#: Moment → what dbt has written to its log by then.
LINES = {
    "in the first models": "OK created sql incremental model staging.stg_footfall__events",
    "in the middle of the models": "START sql incremental model marts.fct_events",
    "in the last models": "OK created sql table model marts.fct_daily_actives",
}
#: Moment → the model that is the last one of an increment without dbt.
MODELS = {
    "in the first models of an increment": "model.footfall.stg_footfall__events",
    "in the middle of an increment": "model.footfall.fct_events",
    "in the last models of an increment": "model.footfall.fct_daily_actives",
}
MOMENTS = [*CALLS, *LINES, *MODELS]


def main() -> None:
    """Run the nightly job and die on the way; exit 3 if the moment never came."""
    moment = sys.argv[1]
    prepare(get_settings())
    if moment in CALLS:
        module, name = CALLS[moment]
        setattr(import_module(module), name, _die)
    elif moment in MODELS:
        _die_after(MODELS[moment])
    else:
        # Without what it compiled before, dbt builds this increment.
        (get_settings().home / "dbt" / "increment.json").unlink(missing_ok=True)
        threading.Thread(target=_die_at_line, args=[LINES[moment]], daemon=True).start()
    sys.argv = ["orchestration", "nightly"]
    from orchestration.__main__ import main as run

    run()
    sys.exit(3)


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(model: str) -> None:
    audit = import_module("orchestration.audit")
    run = audit.run

    def dying(*arguments: Any) -> Iterator[tuple[str, float]]:
        for name, seconds in run(*arguments):
            if name == model:
                _die()
            yield name, seconds

    patch.object(audit, "run", dying).start()


def _die_at_line(text: str) -> None:
    log = dbt_target(get_settings()) / "dbt.log"
    log.unlink(missing_ok=True)  # what it says is of this night then, wherever dbt begins to write
    while True:
        if log.exists() and text in log.read_text(errors="replace"):
            # This process and dbt, its child, in one blow: the group is the test's own.
            os.killpg(os.getpgrp(), signal.SIGKILL)
        time.sleep(0.01)


if __name__ == "__main__":
    main()
