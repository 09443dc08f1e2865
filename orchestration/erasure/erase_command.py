"""`python -m orchestration erase-person`: an erasure from the command line, without Dagster."""

from __future__ import annotations

import argparse
import sys

from ingestion.erasure.resolving import BadSubject, SharedDevice
from ingestion.erasure.wait_until_sealed import Unsettled
from ingestion.landing.store import LandingUnusable
from ingestion.settings import Settings
from orchestration.erasure.erase import Asked, Incomplete, NobodyThere, erase
from warehouse.connection import HomeUnusable, WarehouseBusy, WarehouseUnusable


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Erase; 0 done, 1 not finished (the same call continues it), 2 nobody to erase."""
    try:
        asked = Asked(_given(options.user_id), _given(options.anonymous_id), options.subject)
        receipt = erase(settings, asked, dry_run=options.dry_run)
    except (BadSubject, NobodyThere, SharedDevice) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (HomeUnusable, LandingUnusable, WarehouseUnusable) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except (Incomplete, Unsettled, WarehouseBusy, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    for line in receipt.lines():
        sys.stdout.write(f"{line}\n")
    return 0


def _given(text: str | None) -> str | None:
    """The argument, or a line of standard input, which a shell's history does not keep."""
    return sys.stdin.readline().rstrip("\n") if text == "-" else text
