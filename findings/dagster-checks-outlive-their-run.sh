#!/usr/bin/env bash
# Dagster: what a check found outlives the run that asked it, and so does the last materialization.
#
# Guess: DagsterInstance.delete_run takes all that a run left: afterwards an asset that only this run made
#   was never materialized, and its check was never executed.
# Seen: the run is gone, and the check still has one execution, of that run's id, that succeeded. The asset's
#   latest materialization is of the run as well, though the events of a partition's are deleted.
# Why it matters: whoever deletes old runs to bound the storage keeps a row of every check of every run for
#   ever, and the UI links to runs that are not there. Delete the rows of asset_check_executions too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'dagster==1.13.27'
DAGSTER_HOME='' "$folder/venv/bin/python" - "$folder" <<'PY'
import logging
import sys

import dagster

logging.disable(logging.CRITICAL)


@dagster.asset(partitions_def=dagster.StaticPartitionsDefinition(["monday"]))
def weekday():
    return dagster.MaterializeResult()


@dagster.asset
def visits():
    return dagster.MaterializeResult()


@dagster.asset_check(asset=visits)
def is_counted():
    return dagster.AssetCheckResult(passed=True)


with dagster.DagsterInstance.local_temp(sys.argv[1]) as instance:
    run = dagster.materialize([visits, is_counted], instance=instance).run_id
    of_partition = dagster.materialize([weekday], instance=instance, partition_key="monday").run_id
    instance.delete_run(run)
    instance.delete_run(of_partition)
    executions = instance.event_log_storage.get_asset_check_execution_history(
        dagster.AssetCheckKey(visits.key, "is_counted"), limit=10
    )
    found = [(each.run_id == run, each.status.value) for each in executions]
    latest = instance.get_latest_materialization_event(visits.key)
    partitions = instance.get_materialized_partitions(weekday.key)
    gone = instance.get_run_by_id(run) is None

print(f"dagster {dagster.__version__}, after delete_run")
print(f"  the run is gone: {gone}")
print(f"  executions of its check, of this run and how they ended: {found}; guess: none")
print(f"  the latest materialization is of that run: {latest is not None and latest.run_id == run}; guess: none")
print(f"  partitions that are materialized: {sorted(partitions)}")
assert gone and found == [(True, "SUCCEEDED")], found
assert latest is not None and latest.run_id == run, latest
assert not partitions, partitions
PY
echo "Matters: deleting runs does not bound the storage, and what stays names runs that are gone."
