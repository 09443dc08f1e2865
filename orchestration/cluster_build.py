"""Build and audit on a cluster of Spark: copy what is new, run dbt there, bring the marts back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from cluster.catalog import mended_by_people, open_catalog
from cluster.marts import begin_build, fetch_marts, models_to_fetch
from cluster.raw_tables import Copied, copy_raw, forget_builds_on_cluster
from cluster.spark import check_spark, connected
from ingestion.settings import Settings
from orchestration.audit import built_by_dbt, keys_asked, outcome_of
from orchestration.dagster_internals import check_of_test
from transformation.current import keep_outcomes
from transformation.dbt_command import dbt_target
from transformation.definition import definition
from warehouse.connection import connect

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource

#: Arguments of dbt: delete every earlier snapshot, where people may be who were erased.
FORGET_SNAPSHOTS: Final = ("run-operation", "expire_snapshots", "--args", json.dumps({"hours": 0}))


def built_on_cluster(
    dbt: DbtCliResource,
    context: dg.AssetExecutionContext,
    settings: Settings,
    manifest: Mapping[str, Any],
    translator: DagsterDbtTranslator,
    *,
    is_full_refresh: bool,
    is_raw_rewritten: bool,
) -> Iterator[Any]:
    """Build and test all models on the cluster; if all is well, the warehouse gets its marts.

    ``is_raw_rewritten`` says that rows of old loads were erased or loaded again: all of raw is
    copied anew, and the cluster keeps no earlier snapshot of any table. Raises Failure as `audited`
    does, and ClusterUnusable; the warehouse then has the marts of the last good build.
    """
    copied = copy_to_cluster(settings, anew=is_raw_rewritten)
    context.log.info("copied %s rows of %s loads to Iceberg", f"{copied.rows:,}", copied.loads)
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    arguments += ["--full-refresh"] if is_full_refresh else []
    try:
        written = yield from built_by_dbt(dbt, arguments, context, settings, manifest)
    except dg.Failure:
        # If the server has died, this says so: the failures of dbt are many then, and none does.
        with connected(settings):
            raise
    if is_raw_rewritten and copied.is_again:
        # Before the warehouse forgets that it is due: a run that dies here does it again.
        dbt.cli(FORGET_SNAPSHOTS, target_path=dbt_target(settings)).wait()
    checks = {test: check_of_test(manifest, translator, test) for test in manifest["nodes"]}
    keys = keys_asked(context, checks)
    results = [each for each in written.get("results", []) if each["unique_id"] in keys]
    rows = bring_from_cluster(settings, manifest)
    with connect(settings) as connection:
        keep_outcomes(connection, [outcome_of(each, keys, manifest) for each in results])
    context.log.info("brought %s rows of %s tables", f"{sum(rows.values()):,}", len(rows))


def copy_to_cluster(settings: Settings, *, anew: bool) -> Copied:
    """Copy what was loaded to Iceberg, all of it ``anew`` or for the first build of a definition.

    This machine may have built and erased before that build, which reads all of raw in any case.
    Then see that Spark can build. The caller holds the writer lock. Raises ClusterUnusable,
    pyiceberg's exceptions and duckdb.Error.
    """
    catalog = open_catalog(settings)
    with mended_by_people(), connect(settings) as connection:
        is_first = begin_build(connection, definition(settings))
        copied = copy_raw(catalog, connection, anew=anew or is_first)
        forget_builds_on_cluster(catalog, connection)
    check_spark(settings)
    return copied


def bring_from_cluster(settings: Settings, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Put the marts of a build that succeeded into the warehouse; returns rows by table.

    The caller holds the writer lock. Raises as `copy_to_cluster` does.
    """
    catalog = open_catalog(settings)
    with mended_by_people(), connect(settings) as connection:
        return fetch_marts(catalog, connection, models_to_fetch(manifest), definition(settings))
