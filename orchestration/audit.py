"""Build and audit: what a failed dbt build tells the person who must repair it.

It names the test, the number of rows, the table that holds them, and what to do. It never shows
the rows: they can be about people, and more of us can read a run's log than the warehouse.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from ingestion.settings import Settings
from orchestration.dagster_internals import check_of_test
from transformation.audit_queries import ask, keep_queries, queries
from transformation.current import UNCHANGED, Outcome, keep_outcomes
from transformation.dbt_command import dbt_target
from transformation.increments import (
    FailedStep,
    Step,
    increment,
    is_increment,
    keep_increment,
    run,
)
from warehouse.connection import connect

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource

#: Most failed nodes described in full: one broken model fails all tests downstream of it.
SHOWN = 20
#: The name that dagster-dbt gives the number of rows that a test found.
FAILED_ROWS = "dagster_dbt/failed_row_count"
#: The name that dagster-dbt gives the seconds that a node took. The UI plots them by run.
DURATION = "Execution Duration"
#: An engine's message can quote the SQL that failed.
MESSAGE_CHARACTERS = 400

_HEAD = re.compile(r"^-- ((?:Flags|Matters|Do): .*(?:\n-- (?!Flags|Matters|Do).*)*)", re.MULTILINE)
#: Generic test → what a row of it is, and why that matters.
_GENERIC = {
    "never_null": (
        "a row of {table} without one of {columns}",
        "whoever joins or groups by it loses the row without a word",
    ),
    "unique": (
        "a value of {columns} that stands in {table} more than once",
        "whoever joins to it counts twice",
    ),
    "unique_together": (
        "values of {columns} that stand in {table} together more than once",
        "it is the grain of the table: whoever joins to it or adds it up counts twice",
    ),
    "accepted_values": (
        "a value of {columns} in {table} that nobody planned for",
        "whoever filters by the values they know leaves it out",
    ),
    "relationships": (
        "a value of {columns} in {table} that the table it refers to does not hold",
        "a join loses the row",
    ),
}
_DO = "look at the rows. If a full refresh mends them, an increment was wrong; else look in raw."


def advice(test: Mapping[str, Any]) -> str:
    """What a dbt test flags, why it matters and what to do, in three lines; ``test`` is its node.

    They come from its description, else from the comment at the top of its file, else from its
    kind.
    """
    if test.get("description"):
        return str(test["description"])
    if head := _HEAD.findall(test.get("raw_code", "")):
        return "\n".join(re.sub(r"\n-- *", " ", line) for line in head)
    kind = (test.get("test_metadata") or {}).get("name", "")
    if kind not in _GENERIC:
        return f"Do: {_DO}"
    arguments = test["test_metadata"]["kwargs"]
    columns = arguments.get("column_name") or ", ".join(arguments.get("columns", []))
    table = str(test.get("attached_node") or "").rpartition(".")[2]
    flags, matters = _GENERIC[kind]
    flags = flags.format(table=table, columns=columns)
    return f"Flags: {flags}.\nMatters: {matters}.\nDo: {_DO}"


@dataclass(frozen=True)
class FailedNode:
    """A test that found rows, or a node that dbt could not run (``rows`` is then None)."""

    name: str
    rows: int | None
    relation: str
    says: str

    def told(self, settings: Settings) -> str:
        """Describe the failure in a few lines."""
        if self.rows is None:
            return f"{self.name}: could not be run\n{self.says}"
        if settings.engine == "spark":
            return (
                f"{self.name}: failing rows: {self.rows:,}\n{self.says}\n"
                f"Rows: in {self.relation} of the cluster, until the test runs again."
            )
        look = (
            f'{sys.executable} -c "import duckdb; '
            f"duckdb.connect('{settings.warehouse}', read_only=True)"
            f".sql('from {self.relation}').show()\""
        )
        return (
            f"{self.name}: failing rows: {self.rows:,}\n{self.says}\n"
            f"Rows: in {self.relation} of the warehouse, until the test runs again. To look at "
            f"them:\n    {look}"
        )


def failed_nodes(
    results: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]
) -> list[FailedNode]:
    """What went wrong in dbt's run_results.json, models and seeds before tests."""
    failed = []
    for result in results:
        node = manifest["nodes"].get(result["unique_id"], {})
        name = node.get("name") or result["unique_id"]
        if result["status"] == "fail":
            relation = str(result.get("relation_name") or "").replace('"', "")
            failed.append(
                FailedNode(
                    name, result["failures"], ".".join(relation.split(".")[-2:]), advice(node)
                )
            )
        elif result["status"] in ("error", "runtime error"):
            failed.append(FailedNode(name, None, "", _without_values(result["message"] or "")))
    return sorted(failed, key=lambda each: (each.rows is not None, each.name))


def _without_values(message: str) -> str:
    """An engine's message without the values it quotes from the data and without empty lines."""
    lines = [line.strip() for line in re.sub(r"'[^']*'", "'…'", message).splitlines()]
    return "\n".join(line for line in lines if line)[:MESSAGE_CHARACTERS]


def audited(
    dbt: DbtCliResource,
    context: dg.AssetExecutionContext,
    settings: Settings,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
    *,
    is_whole: bool,
    is_full_refresh: bool,
) -> Iterator[Any]:
    """Build the models, report each to Dagster, and keep what the tests found.

    After a definition changed, dbt builds the models and their first increment, and runs the tests
    once. Later increments run the SQL that dbt compiled then. ``is_whole`` says that the step has
    all models. Raises Failure if anything failed: it names the model or test, the number of rows
    and what to do.
    """
    asked = queries(settings)
    with connect(settings) as connection:
        may_be_increment = is_whole and not is_full_refresh
        steps = increment(settings, connection) if may_be_increment and asked else []
        if steps:
            yield from _built(connection, steps, context, settings, manifest, translator)
        is_first = may_be_increment and not steps and is_increment(settings, connection)
    results: list[dict[str, Any]] = []
    if not steps:
        arguments = ["build", "--exclude-resource-type", "unit_test", *(["test"] if asked else [])]
        arguments += ["--full-refresh"] if is_full_refresh else []
        written = yield from built_by_dbt(dbt, arguments, context, settings, manifest)
        results = written.get("results", [])
        if is_first:
            keep_increment(settings, written, manifest)
    checks = {test: check_of_test(manifest, translator, test) for test in manifest["nodes"]}
    keys = keys_asked(context, checks)
    with connect(settings) as connection:
        if asked:
            # A test of several models is not an asset check, but its failure also stops the run.
            wanted = [each for each in asked if each.test in keys or not checks[each.test]]
            results = [
                result_of(test, found, manifest)
                for test, found in ask(settings, connection, wanted).items()
            ]
        found = [outcome_of(each, keys, manifest) for each in results if each["unique_id"] in keys]
        keep_outcomes(connection, found)
    if asked:
        yield from map(_checked, found)
        if failed := failed_nodes(results, manifest):
            raise failure(failed, 0, dbt_target(settings) / "dbt.log", settings)
    else:
        keep_queries(settings, results, manifest)


def keys_asked(
    context: dg.AssetExecutionContext, checks: Mapping[str, dg.AssetCheckKey | None]
) -> dict[str, dg.AssetCheckKey]:
    """The checks of this step, by the test that each is made of."""
    return {
        test: key
        for test, key in checks.items()
        if key in context.selected_asset_check_keys and key
    }


def _built(
    connection: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    context: dg.AssetExecutionContext,
    settings: Settings,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
) -> Iterator[dg.MaterializeResult[None]]:
    """Run an increment without dbt."""
    try:
        for name, seconds in run(connection, steps, context.run_id, settings.threads):
            if (node := manifest["nodes"][name])["resource_type"] != "operation":
                key = translator.get_asset_key(node)
                yield dg.MaterializeResult(asset_key=key, metadata={DURATION: seconds})
    except FailedStep as error:
        name = manifest["nodes"][error.node]["name"]
        failed = FailedNode(name, None, "", _without_values(str(error)))
        raise failure([failed], 1, dbt_target(settings) / "dbt.log", settings) from error


def built_by_dbt(
    dbt: DbtCliResource,
    arguments: Sequence[str],
    context: dg.AssetExecutionContext,
    settings: Settings,
    manifest: Mapping[str, Any],
) -> Generator[Any, None, dict[str, Any]]:
    """Run dbt; returns its run_results.json."""
    target = dbt_target(settings)
    path = target / "run_results.json"
    # A dbt that is killed writes no results; those of the run before would be read instead.
    path.unlink(missing_ok=True)
    invocation = dbt.cli(arguments, context=context, target_path=target, raise_on_error=False)
    yield from invocation.stream()
    code = invocation.process.wait()
    written: dict[str, Any] = {}
    # A dbt that is killed while it writes the results leaves invalid JSON.
    with suppress(FileNotFoundError, json.JSONDecodeError):
        written = json.loads(path.read_text())
    if code:
        failed = failed_nodes(written.get("results", []), manifest)
        raise failure(failed, code, target / "dbt.log", settings)
    return written


def result_of(test: str, found: int | duckdb.Error, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What dbt would write about a test into its run_results.json."""
    node = manifest["nodes"][test]
    if isinstance(found, duckdb.Error):
        return {"unique_id": test, "status": "error", "failures": None, "message": str(found)}
    flagged = "fail" if node["config"]["severity"].lower() == "error" else "warn"
    return {
        "unique_id": test,
        "status": flagged if found else "pass",
        "failures": found,
        "relation_name": f'"{node["database"]}"."{node["schema"]}"."{node["alias"]}"',
    }


def outcome_of(
    result: Mapping[str, Any], keys: Mapping[str, dg.AssetCheckKey], manifest: Mapping[str, Any]
) -> Outcome:
    """What is kept of a result of a test that is an asset check; ``keys`` has its key."""
    key = keys[result["unique_id"]]
    return Outcome(
        asset=key.asset_key.to_user_string(),
        check=key.name,
        passed=result["status"] == "pass",
        severity=manifest["nodes"][result["unique_id"]]["config"]["severity"].upper(),
        description=None,
        failing_rows=result["failures"],
    )


def _checked(found: Outcome, metadata: Mapping[str, Any] | None = None) -> dg.AssetCheckResult:
    rows = {} if found.failing_rows is None else {FAILED_ROWS: found.failing_rows}
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey.from_user_string(found.asset),
        check_name=found.check,
        passed=found.passed,
        severity=dg.AssetCheckSeverity(found.severity),
        description=found.description,
        metadata={**rows, **(metadata or {})},
    )


def tells_all(checks: Iterable[dg.AssetCheckKey], found: Sequence[Outcome]) -> bool:
    """Whether each check has an outcome: a build by hand, or by an erasure, keeps none."""
    told = {(each.asset, each.check) for each in found}
    return told >= {(each.asset_key.to_user_string(), each.name) for each in checks}


def as_before(
    context: dg.AssetExecutionContext, found: Sequence[Outcome]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Report every asset of the step as the last build left it, with the results of its checks."""
    deps = {key: context.assets_def.asset_deps[key] for key in context.selected_asset_keys}
    for key in TopologicalSorter(deps).static_order():
        if key in deps:
            yield dg.MaterializeResult(asset_key=key, metadata={UNCHANGED: True})
    for each in found:
        key = dg.AssetCheckKey(dg.AssetKey.from_user_string(each.asset), each.check)
        if key in context.selected_asset_check_keys:
            yield _checked(each, {UNCHANGED: True})


def failure(failed: list[FailedNode], code: int, log: Path, settings: Settings) -> dg.Failure:
    """The failure of the step: its description for the terminal, its metadata for the UI."""
    if not failed:
        return dg.Failure(
            f"dbt ended with {code} before it had run anything; {log} says why. "
            "Nothing was published: readers keep the last good file."
        )
    shown = failed[:SHOWN]
    more = [f"and {len(failed) - SHOWN} more: see {log}"] if len(failed) > SHOWN else []
    return dg.Failure(
        "\n\n".join(
            [
                f"dbt: {len(failed)} failed. Nothing was published: readers keep the last good "
                "file.",
                *(each.told(settings) for each in shown),
                *more,
            ]
        ),
        metadata={
            "failed": len(failed),
            **{each.name: dg.MetadataValue.text(each.told(settings)) for each in shown},
        },
    )
