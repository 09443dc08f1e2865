"""Runs an increment that dbt compiled on the warehouse without dbt.

dbt runs the first build of a definition and its first increment. We keep what it compiled for that
increment: the select of each model, the statements of its materialization, and the hooks. Later
increments run these statements in the order of the graph. They refill tables in place.
See docs/decisions/0033-increments-without-dbt.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

import duckdb

from ingestion.settings import Settings
from transformation.compiled import keep_compiled, may_change, read_compiled
from transformation.dbt_command import dbt_target
from transformation.definition import definition
from warehouse.meta import BUILDS
from warehouse.pending_loads import is_full_refresh_due

#: The kind under which the steps are kept.
KIND: Final = "increment"
#: Macros that read the warehouse and get the same result in every increment: there is a build of
#: this definition with all its tables. `record_build` reads what was built, which is everything.
KNOWN: Final = {
    "macro.dbt.is_incremental",
    "macro.dbt.should_full_refresh",
    "macro.footfall.should_full_refresh",
    "macro.footfall.definition_has_changed",
    "macro.footfall.existing_relation",
    "macro.footfall.record_build",
    "macro.footfall.duckdb__record_build",
}
#: Placeholder for the id of dbt's invocation: `meta.builds` says which run built a load.
INVOCATION: Final = "00000000-invocation-of-a-later-run"
#: The temporary table that dbt writes the rows of an increment to. Its name has the time.
TEMPORARY: Final = re.compile(r'"(\w+__dbt_tmp\d+)"')


class FailedStep(RuntimeError):
    """A statement of ``node`` failed. The cause says why."""

    def __init__(self, node: str, cause: duckdb.Error) -> None:
        super().__init__(str(cause))
        self.node = node


@dataclass(frozen=True)
class Step:
    """A node of dbt's graph, by its unique id, and the statements of its increment.

    A view or a seed has no statements, because its content changes only with the definition.
    """

    node: str
    relation: str | None
    statements: list[str]
    #: The nodes that must be done before it.
    needs: list[str]


def increment(settings: Settings, connection: duckdb.DuckDBPyConnection) -> list[Step]:
    """The steps of an increment; none if dbt has to build."""
    steps = [Step(**each) for each in read_compiled(settings, KIND)]
    if not steps or not is_increment(settings, connection):
        return []
    there = set(
        connection.execute(
            """
            select '"' || database_name || '"."' || schema_name || '"."' || table_name || '"'
            from duckdb_tables()
            union all
            select '"' || database_name || '"."' || schema_name || '"."' || view_name || '"'
            from duckdb_views()
            """
        ).fetchall()
    )
    return steps if all(not step.relation or (step.relation,) in there for step in steps) else []


def is_increment(settings: Settings, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the tables were built with this definition, so that the next build is an increment.

    The macro `should_full_refresh` decides the same way.
    """
    try:
        (others,) = connection.execute(
            f"select count(*) > 0 and not max(definition is distinct from ?) from {BUILDS}",
            [definition(settings)],
        ).fetchone() or (False,)
    except duckdb.CatalogException:
        return False
    return bool(others) and not is_full_refresh_due(connection)


def keep_increment(
    settings: Settings, results: Mapping[str, Any], manifest: Mapping[str, Any]
) -> None:
    """Keep what dbt ran in a whole build that was an increment, from its run_results.json.

    Nothing is kept if dbt must run one of the nodes: its SQL may change from run to run, it is not
    SQL, or it is not a view, a table or an incremental model.
    """
    compiled = {each["unique_id"]: each.get("compiled_code") for each in results["results"]}
    nodes = {name: node for name, node in manifest["nodes"].items() if name in compiled}
    built = {
        name: nodes.keys() & set(node["depends_on"].get("nodes", ()))
        for name, node in nodes.items()
        if node["resource_type"] not in ("operation", "test")
    }
    hooks = [name for name in compiled if name.startswith("operation.")]
    first = [name for name in hooks if "-on-run-start-" in name]
    last = [name for name in hooks if "-on-run-end-" in name]
    needs = {name: built[name] or set(first) for name in built}
    for group, before in ((first, set()), (last, needs.keys())):
        needs |= {name: {*before, *group[:place]} for place, name in enumerate(group)}
    invocation = results["metadata"]["invocation_id"]
    steps = []
    for name in TopologicalSorter(needs).static_order():
        statements = _statements(name, compiled[name], manifest, dbt_target(settings))
        if statements is None:
            return
        relation = manifest["nodes"].get(name, {}).get("relation_name")
        of_any_run = [each.replace(invocation, INVOCATION) for each in statements]
        steps.append(Step(name, relation, of_any_run, sorted(needs[name])))
    keep_compiled(settings, KIND, [asdict(step) for step in steps])


def run(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], run_id: str, threads: int
) -> Generator[tuple[str, float], None, None]:
    """Run the steps, up to ``threads`` at once. Yields each node when done, and its seconds.

    Each node has its own transaction, as with dbt. If a run ends early, its loads stay pending, and
    the next run works them in again. Raises FailedStep.
    """
    step_of = {step.node: step for step in steps}
    waiting = TopologicalSorter({step.node: step.needs for step in steps})
    waiting.prepare()
    running: set[Future[tuple[str, float]]] = set()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while waiting.is_active():
                ready = [step_of[node] for node in waiting.get_ready()]
                # A connection serves one thread at a time, and so it makes the cursors here.
                running |= {pool.submit(_run, connection.cursor(), step, run_id) for step in ready}
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for node, seconds in [each.result() for each in done]:
                    yield node, seconds
                    waiting.done(node)
        finally:
            pool.shutdown(cancel_futures=True)


def _run(cursor: duckdb.DuckDBPyConnection, step: Step, run_id: str) -> tuple[str, float]:
    began = time.monotonic()
    with cursor:
        try:
            cursor.begin()
            for statement in step.statements:
                cursor.execute(statement.replace(INVOCATION, run_id))
            cursor.commit()
        except duckdb.Error as error:
            # The failure of a commit has rolled back already.
            with suppress(duckdb.TransactionException):
                cursor.rollback()
            raise FailedStep(step.node, error) from error
    return step.node, time.monotonic() - began


def _statements(
    name: str, compiled: str | None, manifest: Mapping[str, Any], target: Path
) -> list[str] | None:
    """The statements of a node's increment; None if dbt must run it."""
    node = manifest["nodes"].get(name)
    if node is None:
        # A hook: the manifest of `dbt parse` has those of the project.
        return None
    if node["resource_type"] == "seed":
        return []
    if not compiled or node["language"] != "sql" or may_change(node, manifest, KNOWN):
        return None
    if node["resource_type"] == "operation":
        return [compiled]
    config = node["config"]
    if node["resource_type"] != "model" or config["pre-hook"] or config["post-hook"]:
        return None
    relation = node["relation_name"]
    match config["materialized"]:
        case "view":
            return []
        case "table":
            return [f"truncate {relation}", f"insert into {relation} by name {compiled}"]
        case "incremental":
            written = target / "run" / node["package_name"] / node["original_file_path"]
            main = written.read_text()
            temporary = set(TEMPORARY.findall(main))
            if len(temporary) == 1:
                (table,) = temporary
                kept = f"{node['name']}__increment"
                return [
                    f'create temporary table "{kept}" as ({compiled}\n)',
                    main.replace(table, kept),
                    f'drop table "{kept}"',
                ]
    return None
