"""Asks Spark's Thrift server whether models can be built there, before dbt begins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from pyhive import hive
from pyhive.exc import Error
from TCLIService.ttypes import TOperationState
from thrift.Thrift import TException

from cluster.catalog import CATALOG
from cluster.session import SESSION
from cluster.unusable import ClusterUnusable
from ingestion.settings import Settings

#: The versions of Spark that `make test-cluster` compares with DuckDB.
VERSION: Final = "4.0."
#: How long executors may take to come: a managed cluster starts machines for them.
EXECUTOR_SECONDS: Final = 900
_POLL_SECONDS: Final = 0.5
_RUNNING: Final = (
    TOperationState.INITIALIZED_STATE,
    TOperationState.PENDING_STATE,
    TOperationState.RUNNING_STATE,
)


def check_spark(settings: Settings, executor_seconds: float = EXECUTOR_SECONDS) -> None:
    """See that Spark has our version and settings, sees the raw rows, and has somebody who works.

    Without an executor dbt would wait for ever. Raises ClusterUnusable.
    """
    give_up_at = time.monotonic() + executor_seconds
    with connected(settings) as cursor:

        def asked(statement: str) -> list[Any]:
            # Not at once: even what Spark's driver knows by itself waits for an executor.
            cursor.execute(statement, async_=True)
            while cursor.poll().operationState in _RUNNING:
                if time.monotonic() > give_up_at:
                    cursor.cancel()
                    raise ClusterUnusable(
                        f"Spark takes statements, and no executor ran one for "
                        f"{executor_seconds:.0f} seconds: see in its UI whether workers are alive "
                        "and have memory and cores free"
                    )
                time.sleep(_POLL_SECONDS)
            rows: list[Any] = cursor.fetchall()
            return rows

        ((version,),) = asked("select version()")
        if not version.startswith(VERSION):
            raise ClusterUnusable(
                f"Spark is {version.split()[0]}, and the models were compared with DuckDB on "
                f"{VERSION}x only: start a Thrift server of that version"
            )
        unlike = [
            f"{name} must be {value}, and is {found}"
            for name, value in SESSION.items()
            if (found := asked(f"set `{name}`")[0][1]).lower() != value.lower()
        ]
        if unlike:
            raise ClusterUnusable(
                f"Spark would answer other numbers: {'; '.join(unlike)}. Set it where the Thrift "
                "server starts (docs/scale.md) and start it again"
            )
        try:
            asked(f"select count(*) from {CATALOG}.raw.events")
        except Error:
            raise ClusterUnusable(
                f"Spark cannot read the table {CATALOG}.raw.events, which was just written: its "
                f"catalog {CATALOG} must be the database that FOOTFALL_ICEBERG_CATALOG names, and "
                "its workers must reach FOOTFALL_ICEBERG_WAREHOUSE"
            ) from None


@contextmanager
def connected(settings: Settings) -> Iterator[Any]:
    """A cursor of PyHive on the Thrift server. Raises ClusterUnusable where none answers."""
    where = f"{settings.spark_host}:{settings.spark_port}"
    try:
        with (
            closing(
                hive.connect(settings.spark_host, settings.spark_port, "footfall")
            ) as connection,
            closing(connection.cursor()) as cursor,
        ):
            yield cursor
    except (TException, OSError) as error:
        raise ClusterUnusable(
            f"Spark's Thrift server at {where} does not answer ({type(error).__name__}): start it, "
            "or correct FOOTFALL_SPARK_HOST and FOOTFALL_SPARK_PORT. What was copied stays, and "
            "the next run goes on from here"
        ) from None
