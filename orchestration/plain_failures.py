"""Errors whose message is all that a person needs: said without a trace, wherever they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from ingestion.landing.store import LandingUnusable
from orchestration.definition_files import MistakenSeeds
from publishing.publish import PublishError
from transformation.manifest import NotPrepared
from warehouse.connection import HomeUnusable, WarehouseBusy, WarehouseUnusable

#: What a run may meet that somebody has to mend. Each says what to do, and nothing of the data.
MENDED_BY_PEOPLE: Final = (
    *(HomeUnusable, LandingUnusable, MistakenSeeds, NotPrepared),
    *(PublishError, WarehouseBusy, WarehouseUnusable),
)


@contextmanager
def plainly(*expected: type[Exception]) -> Iterator[None]:
    """Let the message of these errors, and of those above, be all that a step's failure says."""
    errors: tuple[type[Exception], ...] = (*MENDED_BY_PEOPLE, *expected)
    try:
        yield
    except errors as error:
        raise dg.Failure(str(error), allow_retries=False) from None
