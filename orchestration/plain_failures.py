"""Errors whose message is all that a person needs: they are shown without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dagster as dg

from cluster.unusable import ClusterUnusable
from ingestion.landing.store import LandingUnusable
from orchestration.definition_files import MistakenSeeds
from publishing.publish import PublishError
from transformation.manifest import NotPrepared
from warehouse.connection import HomeUnusable, WarehouseBusy, WarehouseUnusable

#: Errors of a run that a person has to fix. Each says what to do and shows nothing of the data.
MENDED_BY_PEOPLE: Final = (
    *(ClusterUnusable, HomeUnusable, LandingUnusable, MistakenSeeds, NotPrepared),
    *(PublishError, WarehouseBusy, WarehouseUnusable),
)


@contextmanager
def plainly(*expected: type[Exception]) -> Iterator[None]:
    """Fail a step with only the message of these errors, and of those above."""
    errors: tuple[type[Exception], ...] = (*MENDED_BY_PEOPLE, *expected)
    try:
        yield
    except errors as error:
        raise dg.Failure(str(error), allow_retries=False) from None
