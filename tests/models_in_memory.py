"""The project's compiled models, run in memory: a build in milliseconds, for thousands of cases.

dbt compiles every model as a full refresh, and builds an increment whose statements are kept, as
a nightly run keeps them (transformation/increments.py); here both are run in the order of the
graph. A handful of cases go through `dbt build` itself (test_end_to_end.py), which keeps this
honest.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from enrichment.enrich import LISTS, enrich
from ingestion.loading.pipeline import load
from ingestion.loading.source import RAW_TABLES
from ingestion.settings import Settings
from orchestration.definition_files import definition_rows, questions_asked
from tests.oracle.events import Load
from tests.warm import run_code
from transformation.dbt_command import dbt_environment, dbt_target
from transformation.definition import WRITTEN_BY_DBT
from transformation.increments import increment, keep_increment
from warehouse.connection import connect, writer_lock
from warehouse.definition_tables import keep
from warehouse.meta import CHANGED_ROWS, PUBLISHED_BUILD

Row = dict[str, Any]
#: A model in compiled SQL.
RELATION = re.compile(r'"footfall"\."\w+"\."(\w+)"')
LOOKING_BACK = ("int_events_reattributed", "int_trial_features_touched")


@dataclass(frozen=True)
class Test:
    """One compiled test of the data: what it counts, and whether a count stops the run."""

    __test__ = False
    name: str
    count: str
    is_error: bool


@dataclass(frozen=True)
class Model:
    """One compiled model: its place, how it is materialized, and both of its readings.

    ``increment`` is what a run without dbt would execute.
    """

    name: str
    schema: str
    materialized: str
    full: str
    incremental: str
    increment: list[str]


def project_copy(
    settings: Settings,
    folder: Path,
    funnels: Iterable[Mapping[str, Any]],
    questions: Iterable[Mapping[str, Any]] = (),
    cohorts: Iterable[Mapping[str, Any]] = (),
    experiments: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """The dbt project with other funnels, conversion questions, cohorts and experiments.

    The people of a test are few: two of them are peers enough.
    """
    project = folder / "dbt_project"
    shutil.copytree(settings.dbt_project, project, ignore=shutil.ignore_patterns(*WRITTEN_BY_DBT))
    rows = list(funnels)
    with (project / "seeds" / "funnel_steps.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (project / "conversion_questions.yml").write_text(json.dumps({"questions": list(questions)}))
    (project / "cohorts.yml").write_text(json.dumps({"cohorts": list(cohorts)}))
    (project / "experiments.yml").write_text(json.dumps({"experiments": list(experiments)}))
    (project / "seeds" / "page_groups.csv").write_text("page_group\n/shop/:item\n")
    definition = project / "dbt_project.yml"
    definition.write_text(definition.read_text().replace("trial_peers: 30", "trial_peers: 2"))
    return project


def run_dbt(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """dbt itself, as the nightly job calls it; raises with its output when it fails."""
    done = run_code(
        "from dbt.cli.main import cli; cli()",
        *arguments,
        environment=os.environ | dbt_environment(settings),
        folder=settings.dbt_project,
    )
    if done.returncode:
        raise AssertionError(f"dbt {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done


def forget_what_was_published(settings: Settings) -> None:
    """Let the next run build and publish, though nothing has changed."""
    with writer_lock(settings), connect(settings) as connection:
        connection.execute(f"drop table {PUBLISHED_BUILD}")


class CompiledModels:
    """All models of a project, compiled once against a warehouse that was built once."""

    def __init__(self, settings: Settings) -> None:
        """Load what is in the landing, build once, compile both ways. The landing needs a line."""
        self.settings = settings
        with writer_lock(settings):
            load(settings)
            self.questions = questions_asked(settings)
            self.definitions = definition_rows(settings)
            with connect(settings) as connection:
                keep(connection, self.definitions)
                enrich(connection)
            excluded = ["--exclude-resource-type", "unit_test"]
            run_dbt(settings, "build", "--full-refresh", *excluded, "test")
            full = _compiled(_written(settings, "run_results"))
            #: dbt's manifest with everything compiled; a later dbt writes another one.
            self.manifest = _written(settings, "manifest")
            # The second build is an increment.
            run_dbt(settings, "build", *excluded)
            results = _written(settings, "run_results")
            built = _compiled(results)
            for unique_id, node in self.manifest["nodes"].items():
                if node["resource_type"] == "test":
                    node["compiled_code"] = built[unique_id]
            self.tests = self._tests(self.manifest, built)
            keep_increment(settings, results, _written(settings, "manifest"))
            with connect(settings) as connection:
                steps = {step.node: step for step in increment(settings, connection)}
                connection.execute("drop schema if exists test_failures cascade")
        self.models = [
            Model(
                name=node["name"],
                schema=node["schema"],
                materialized=node["config"]["materialized"],
                full=full[unique_id],
                incremental=built[unique_id],
                increment=steps[unique_id].statements,
            )
            for unique_id, node in _models(self.manifest).items()
        ]
        with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
            given = [
                *(
                    f"seeds.{name}"
                    for name in sorted(path.stem for path in self.seeds.glob("*.csv"))
                ),
                *(f"enrichment.{name}" for name in ("rules", *LISTS)),
            ]
            #: Tables that are there before a build: the seeds, and the lists of libraries.
            self.given = {name: connection.sql(f"from {name}").to_arrow_table() for name in given}
            #: What a first build makes of models that look at the outcome of an earlier one.
            self.empty = {name: _empty(connection, name) for name in LOOKING_BACK}

    def _tests(self, manifest: Mapping[str, Any], compiled: Mapping[str, str]) -> list[Test]:
        """The tests of a build; a test without a threshold fails by any row."""
        return [
            Test(
                node["name"],
                f"select {node['config']['fail_calc']} from ({compiled[unique_id]})",
                is_error=node["config"]["severity"].lower() == "error",
            )
            for unique_id, node in manifest["nodes"].items()
            if node["resource_type"] == "test"
        ]

    def only(self, *names: str) -> CompiledModels:
        """The same with these models, what they read, and the tests of those, and no others.

        A test that asks of a few tables builds them in a fraction of the time.
        """
        text_of = {
            model.name: "\n".join((model.full, model.incremental, *model.increment))
            for model in self.models
        }
        read = {name: text_of.keys() & RELATION.findall(text) for name, text in text_of.items()}
        needed: set[str] = set()
        new = set(names)
        while new:
            needed |= new
            new = set[str]().union(*(read[name] for name in new)) - needed
        left_out = text_of.keys() - needed
        few = copy(self)
        few.models = [model for model in self.models if model.name in needed]
        few.tests = [
            each for each in self.tests if left_out.isdisjoint(RELATION.findall(each.count))
        ]
        return few

    @property
    def seeds(self) -> Path:
        """Where the project's seeds are."""
        return self.settings.dbt_project / "seeds"

    @cached_property
    def definition(self) -> str:
        """The fingerprint of definitions that this compilation would record for a build."""
        pending = next(m for m in self.models if m.name == "stg_footfall__loads_pending")
        found = re.search(r"definition = '(\w+)'", pending.incremental)
        assert found
        return found[1]


def _written(settings: Settings, name: str) -> dict[str, Any]:
    """What the last dbt wrote into this file of its target."""
    written: dict[str, Any] = json.loads((dbt_target(settings) / f"{name}.json").read_text())
    return written


def _compiled(results: Mapping[str, Any]) -> dict[str, str]:
    """The SQL of each node that a build ran."""
    return {each["unique_id"]: each.get("compiled_code") for each in results["results"]}


def _models(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes of the models in an order in which they can be built."""
    nodes = manifest["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    needs = {
        key: sorted(models.keys() & set(models[key]["depends_on"]["nodes"]))
        for key in sorted(models)
    }
    return {key: models[key] for key in TopologicalSorter(needs).static_order()}


def warehouse_copy(compiled: CompiledModels, home: Path) -> Settings:
    """A home whose warehouse a test may write to: the compiled models' own is everybody's."""
    settings = Settings(home=home, dbt_project=compiled.settings.dbt_project)
    settings.warehouse.parent.mkdir(parents=True)
    shutil.copyfile(compiled.settings.warehouse, settings.warehouse)
    return settings


class MemoryWarehouse:
    """A warehouse in memory: `load` what a dlt load would bring, then `build`."""

    def __init__(self, compiled: CompiledModels) -> None:
        """An empty warehouse of these models."""
        self._compiled = compiled
        self._load_number = 0
        self._names = {f"{m.schema}.{m.name}" for m in compiled.models}
        self.connection = _in_memory()
        for schema in ("raw", "staging", "intermediate", "marts", "meta", "seeds", "enrichment"):
            self.connection.execute(f"create schema {schema}")
        for table, columns in RAW_TABLES.items():
            fields = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
            self.connection.execute(f"create table raw.{table} ({fields})")
        self.connection.execute(
            "create table raw._dlt_loads (load_id varchar, status bigint, inserted_at timestamptz)"
        )
        self.connection.execute(
            "create table meta.builds"
            " (load_number bigint, definition varchar, invocation_id varchar, built_at timestamp)"
        )
        self.connection.execute(
            f"create table {CHANGED_ROWS}"
            " (table_name varchar, key_columns varchar, key_text varchar)"
        )
        keep(self.connection, compiled.definitions)
        for name, rows in compiled.given.items():
            self.connection.register("given_rows", rows)
            self.connection.execute(f"create table {name} as select * from given_rows")
            self.connection.unregister("given_rows")

    def load(
        self, files: Load, *, completes: bool = True, began_at: datetime | None = None
    ) -> None:
        """Put files into raw as one load; one that does not complete leaves orphans.

        An id that says when the load began is dlt's; any other leaves that open.
        """
        self._load_number += completes
        number = self._load_number + (not completes)
        load_id = f"load {number} {'done' if completes else 'orphan'}"
        if began_at:
            load_id = str(began_at.replace(tzinfo=UTC).timestamp())
        rows = []
        for name, lines in files:
            self.connection.execute(
                "insert into raw.files (file, kind, load_number, _dlt_load_id)"
                " values (?, 'events', ?, ?)",
                [name, number, load_id],
            )
            for place, line in enumerate(lines, 1):
                row = {**line, "_file": name, "_line": place}
                rows.append(row | {"load_number": number, "_dlt_load_id": load_id})
        if rows:
            # As one table of texts: values bound one by one cost ten times what the models do.
            self.connection.register(
                "arrived",
                pa.table(
                    {name: [_text(row[name]) for row in rows] for name in RAW_TABLES["events"]}
                ),
            )
            self.connection.execute("insert into raw.events by name select * from arrived")
            self.connection.unregister("arrived")
        if completes:
            self.connection.execute(
                "insert into raw._dlt_loads values (?, 0, '2026-01-01 00:00:00+00')", [load_id]
            )

    def take(self, warehouse: Path, load_number: int) -> None:
        """Put into raw what a load of dlt brought to another warehouse."""
        self.connection.execute(f"attach '{warehouse}' as landed (read_only)")
        for table in RAW_TABLES:
            self.connection.execute(
                f"insert into raw.{table} by name from landed.raw.{table} where load_number = ?",
                [load_number],
            )
        self.connection.execute(
            """
            insert into raw._dlt_loads
            select load_id, status, inserted_at from landed.raw._dlt_loads
            where load_id in (select _dlt_load_id from raw.files where load_number = ?)
            """,
            [load_number],
        )
        self.connection.execute("detach landed")

    def save(self, warehouse: Path) -> None:
        """Write all tables to a file, for what works on a warehouse on disk."""
        self.connection.execute(f"attach '{warehouse}' as saved")
        tables = self.connection.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'footfall' and not temporary"
        ).fetchall()
        for schema, table in tables:
            self.connection.execute(f"create schema if not exists saved.{schema}")
            self.connection.execute(
                f"create table saved.{schema}.{table} as from footfall.{schema}.{table}"
            )
        self.connection.execute("detach saved")

    def like(self, saved: Path) -> MemoryWarehouse:
        """Another with the tables of this one, of which the file is a copy."""
        other = MemoryWarehouse.__new__(MemoryWarehouse)
        other.__dict__ |= self.__dict__ | {"connection": _in_memory()}
        other.connection.execute(
            f"attach '{saved}' as saved (read_only); copy from database saved to footfall;"
            " detach saved"
        )
        return other

    def build(self, *, full_refresh: bool = False, stop_after: str | None = None) -> None:
        """Run every model in order; with ``stop_after`` fail there, like a run that was killed."""
        enrich(self.connection)
        for model in self._compiled.models:
            self.run(model, full_refresh=full_refresh)
            if model.name == stop_after:
                return
        self.connection.execute(
            "delete from meta.builds where load_number in"
            " (select load_number from staging.stg_footfall__loads_pending)"
        )
        self.connection.execute(
            "insert into meta.builds select load_number, ?, 'memory', now() at time zone 'UTC'"
            " from staging.stg_footfall__loads_pending",
            [self._compiled.definition],
        )

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back at the end what is written meanwhile."""
        self.connection.begin()
        try:
            yield
        finally:
            self.connection.rollback()

    def run(self, model: Model, *, full_refresh: bool = False) -> None:
        """Run one model, as `build` does."""
        name = f"{model.schema}.{model.name}"
        exists = self._exists(model)
        if exists and not full_refresh and model.materialized != "view":
            for statement in model.increment:
                self.connection.execute(statement)
            return
        # A first build has no outcome of an earlier one to look at.
        sql = model.full if exists else self._without_state(model)
        kind = "view" if model.materialized == "view" else "table"
        self.connection.execute(f"create or replace {kind} {name} as {sql}")

    def _without_state(self, model: Model) -> str:
        if model.name == "int_visitors_touched" and not self._has("int_sessions_measured"):
            self.connection.execute(
                "create table if not exists intermediate.int_sessions_measured (source_id varchar,"
                " visitor_id varchar, started_at timestamp, stretch_started_at timestamp)"
            )
            self._placeholders = {"int_sessions_measured"}
        if model.name in LOOKING_BACK and not self._has("fct_trial_day_features"):
            return self._compiled.empty[model.name]
        return model.full

    def _has(self, name: str) -> bool:
        return bool(
            self.connection.execute(
                "select 1 from duckdb_tables() where database_name = 'footfall' and table_name = ?",
                [name],
            ).fetchone()
        )

    def _exists(self, model: Model) -> bool:
        placeholders: set[str] = getattr(self, "_placeholders", set())
        if model.name in placeholders:
            self.connection.execute(f"drop table {model.schema}.{model.name}")
            placeholders.discard(model.name)
        return self._has(model.name)

    def rows(self, query: str) -> list[Row]:
        """The rows of a query as dicts."""
        cursor = self.connection.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def failed_tests(self) -> list[str]:
        """The tests of severity error that count anything."""
        counts = {
            test.name: self.connection.execute(test.count).fetchone()
            for test in self._compiled.tests
            if test.is_error
        }
        return [name for name, count in counts.items() if count and count[0]]

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table of the marts, all columns, in a fixed order."""
        return {
            model.name: self.connection.execute(
                f"select * from marts.{model.name} order by all"
            ).fetchall()
            for model in self._compiled.models
            if model.schema == "marts"
        }


def _in_memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("attach ':memory:' as footfall; use footfall; set TimeZone = 'UTC'")
    return connection


def _empty(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = connection.execute(f"describe intermediate.{table}").fetchall()
    nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind, *_ in columns)
    return f"select {nulls} where 1 = 0"


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        return json.dumps(value)
    return None if value is None else str(value)


def loaded(compiled: CompiledModels, loads: Sequence[Load]) -> MemoryWarehouse:
    """A warehouse that got all loads and one build."""
    warehouse = MemoryWarehouse(compiled)
    for files in loads:
        warehouse.load(files)
    warehouse.build()
    return warehouse
