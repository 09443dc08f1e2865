"""A cluster of Spark and this machine's DuckDB, told the same in the same nights, say the same.

It is `make test-cluster`: it needs Java, PostgreSQL and Spark, and takes some minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cluster.catalog import open_catalog, table_of
from cluster.compare import differences
from cluster.on_this_machine import LocalCluster
from cluster.unusable import ClusterUnusable
from ingestion.settings import Settings
from tests import golden, test_end_to_end
from tests.conftest import GOLDEN_FUNNELS
from tests.histories import (
    COHORTS,
    EXPERIMENTS,
    FUNNELS,
    QUESTIONS,
    History,
    random_histories,
    side_by_side,
)
from tests.models_in_memory import project_copy
from tests.oracle.events import File
from tests.warm import run_module
from warehouse.connection import connect
from warehouse.sql import literal

HISTORIES = int(os.environ.get("FOOTFALL_CLUSTER_HISTORIES", "20"))
TOOLS = Path(sys.prefix)

#: What somebody drops by hand: raw rows, and a model of each kind.
DROPPED = (
    ("raw", "refused"),
    ("staging", "stg_footfall__events"),
    ("marts", "fct_sessions"),
    ("marts", "fct_daily_actives"),
)

pytestmark = pytest.mark.cluster


def allowed() -> list[dict[str, Any]]:
    """The questions without a feature that any event is, which a nightly run refuses."""
    questions: list[dict[str, Any]] = json.loads(json.dumps(QUESTIONS))
    for question in questions:
        question["features"] = [each for each in question["features"] if each["name"] != "is_there"]
    return questions


def site(cluster: LocalCluster, home: Path, **others: Any) -> Settings:
    """A site that builds on the cluster."""
    variables = {
        name.removeprefix("FOOTFALL_").lower(): value for name, value in cluster.variables.items()
    }
    return Settings.model_validate({"home": home, **variables, **others})


class Twins:
    """Two homes with the same landing and definitions: one builds here, one on the cluster."""

    def __init__(self, folder: Path, cluster: LocalCluster) -> None:
        funnels = [*FUNNELS, *GOLDEN_FUNNELS]
        project = project_copy(Settings(), folder, funnels, allowed(), COHORTS, EXPERIMENTS)
        self.here = Settings(home=folder / "here", dbt_project=project)
        self.there = site(cluster, folder / "there", dbt_project=project)

    def land(self, files: Iterable[File]) -> None:
        """Put files where both look for them."""
        for settings in (self.here, self.there):
            path = Path(settings.landing) / "events"
            path.mkdir(parents=True, exist_ok=True)
            for file in files:
                (path / file.name).write_text(
                    "".join(json.dumps(line) + "\n" for line in file.lines)
                )

    def nightly_here(self) -> None:
        """A nightly run here; both have its loads, as no event is later than its load."""
        succeed(self.here, "nightly")
        self._give_loads()

    def _give_loads(self) -> None:
        with connect(self.there) as connection:
            connection.execute(f"attach {literal(str(self.here.warehouse))} as here (read_only)")
            connection.execute("create schema if not exists raw")
            tables = connection.execute(
                "select table_name from duckdb_tables()"
                " where database_name = 'here' and schema_name = 'raw'"
            ).fetchall()
            for (table,) in tables:
                # What is there already has the empty loads of nights that found nothing.
                connection.execute(
                    f'create table if not exists raw."{table}" as from here.raw."{table}" limit 0'
                )
                connection.execute(
                    f'insert into raw."{table}" from here.raw."{table}"'
                    f' except all from raw."{table}"'
                )

    def erase(self, user: str) -> None:
        """Take a person out of both."""
        for settings in (self.here, self.there):
            succeed(settings, "erase-person", "--user-id", user)

    def differences(self) -> list[str]:
        """What the published files say differently."""
        return differences(self.here.published, self.there.published)


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a program of a home does and says, whatever it ends with."""
    return run_module("orchestration", *arguments, environment=environment(settings))


def succeed(settings: Settings, *arguments: str) -> None:
    """The same, of one that must end well."""
    done = run(settings, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def environment(settings: Settings) -> dict[str, str]:
    """The variables of a home."""
    return test_end_to_end.environment(settings) | {
        "FOOTFALL_ICEBERG_CATALOG": settings.iceberg_catalog.get_secret_value(),
        "FOOTFALL_ICEBERG_WAREHOUSE": settings.iceberg_warehouse,
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cluster"), TOOLS) as started:
        yield started


def test_three_nights_and_an_erasure_are_the_same_on_both(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    """Late events, resent ones and merged people among them.

    Before the second night tables are dropped by hand, in a third one the Thrift server dies, and
    in the last a worker is lost.
    """
    golden_days = [History([golden.load(day)]) for day in golden.DAYS]
    history = side_by_side([*golden_days, *random_histories(seed=26, count=HISTORIES)])
    twins = Twins(tmp_path, cluster)
    for number, files in enumerate(history.loads, 1):
        twins.land(files)
        if number == 2:
            catalog = open_catalog(twins.there)
            for table in DROPPED:
                catalog.purge_table(table)
        twins.nightly_here()
        if number == len(history.loads) - 1:
            with happening(cluster.kill_thrift, after=90):
                failed = run(twins.there, "nightly")
            assert failed.returncode == 1
            assert "does not answer" in failed.stdout + failed.stderr
            cluster.start_thrift()
        if number == len(history.loads):
            with happening(cluster.kill_worker, after=30):
                succeed(twins.there, "nightly")
        else:
            succeed(twins.there, "nightly")
        tell(cluster, f"load {number} of {len(history.loads)}")
        assert twins.differences() == []
    ran = cluster.executors()
    assert len(ran) >= 2
    assert all(executor.tasks for executor in ran)
    cluster.start_worker()
    (user, *_) = (
        line["user_id"] for line in golden.load("shared_device")[0].lines if line["user_id"]
    )
    # As `side_by_side` names it: no other text in any table contains that.
    erased = f"0000 {user}"
    twins.erase(erased)
    assert twins.differences() == []
    assert_nobody_is(erased, cluster, twins.there)


def test_a_spark_that_cannot_build_is_told_from_one_that_can(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    # Not in CI's environment.
    from cluster.spark import check_spark, connected

    settings = site(cluster, tmp_path)
    with pytest.raises(ClusterUnusable, match=r"does not answer .* FOOTFALL_SPARK_PORT"):
        check_spark(site(cluster, tmp_path, spark_port=1))
    catalog = open_catalog(settings)
    if catalog.table_exists(("raw", "events")):
        catalog.drop_table(("raw", "events"))
    with pytest.raises(ClusterUnusable, match="must be the database"):
        check_spark(settings)
    table_of(catalog, "raw", "events", pa.schema([("event_id", pa.string())]))
    check_spark(settings)
    with connected(settings) as cursor:
        cursor.execute("set spark.sql.ansi.enabled = false")
        with pytest.raises(ClusterUnusable, match=r"ansi\.enabled must be true, and is false"):
            check_spark(settings)
        cursor.execute("set spark.sql.ansi.enabled = true")
    for _ in range(cluster.worker_count):
        cluster.kill_worker()
    with pytest.raises(ClusterUnusable, match="no executor ran one for 5 seconds"):
        check_spark(settings, executor_seconds=5)
    for _ in range(cluster.worker_count):
        cluster.start_worker()
    check_spark(settings)


@contextmanager
def happening(what: Callable[[], None], after: float) -> Iterator[None]:
    """Something happens so many seconds after the beginning."""
    timer = threading.Timer(after, what)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def tell(cluster: LocalCluster, what: str) -> None:
    """Print what the executors have done so far: docs/scale.md has these figures."""
    executors = cluster.executors()
    seconds = sum(executor.task_seconds for executor in executors)
    shuffled = sum(executor.shuffled_bytes for executor in executors)
    tasks = [executor.tasks for executor in executors]
    sys.stdout.write(
        f"{what}: tasks {tasks}, {seconds:.0f} s in them, {shuffled:,} bytes shuffled\n"
    )


def assert_nobody_is(user: str, cluster: LocalCluster, settings: Settings) -> None:
    """No file of the cluster's tables has the id, not even in an old snapshot."""
    for path in (cluster.folder / "warehouse").rglob("*.parquet"):
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"select count(*) from {literal(str(path))} as t where t::varchar like $1",
                [f"%{user}%"],
            ).fetchone()
        assert rows == (0,), path
    assert settings.published.exists()
