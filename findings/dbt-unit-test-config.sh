#!/usr/bin/env bash
# A dbt unit test does not run the model's own configuration.
#
# A model takes a number from its config, so that a site can change it in dbt_project.yml: the minutes after
# which a visit ends. A unit test is to hold the model to that number.
# Guess: in a unit test `config.get('timeout_minutes')` is what it is when the model is built.
# Seen: it is None, and `config.get('materialized')` is `unit`. With a default, `config.get(..., 10)`, the test
#   runs with 10 and never with the number of the project; the same model, built, has the 30 of the project.
# Why it matters: such a test passes or fails on a value that production never uses, and says nothing of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'dbt-core==1.11.16' 'dbt-duckdb==1.11.1' 'duckdb==1.5.6'
mkdir "$folder/models"
cat >"$folder/dbt_project.yml" <<'YML'
name: example
version: 1.0.0
profile: example
flags: {send_anonymous_usage_stats: false}
models: {example: {+timeout_minutes: 30}}
YML
cat >"$folder/profiles.yml" <<'YML'
example: {target: dev, outputs: {dev: {type: duckdb, path: example.duckdb}}}
YML
cat >"$folder/models/visits.sql" <<'SQL'
select
    {{ config.get('timeout_minutes', 10) }} as timeout_minutes,
    '{{ config.get('materialized') }}' as materialized
SQL
cat >"$folder/models/visits.yml" <<'YML'
unit_tests:
  - name: as_it_is_built
    model: visits
    given: []
    expect: {rows: [{timeout_minutes: 30, materialized: view}]}
  - name: as_no_build_has_it
    model: visits
    given: []
    expect: {rows: [{timeout_minutes: 10, materialized: unit}]}
YML
cd "$folder"
export DBT_PROFILES_DIR="$folder"
"$folder/venv/bin/dbt" --quiet run
"$folder/venv/bin/python" - <<'PY'
import duckdb

with duckdb.connect("example.duckdb", read_only=True) as connection:
    built = connection.sql("from visits").fetchall()
print("dbt-core 1.11.16, dbt-duckdb 1.11.1; timeout_minutes is 30 in dbt_project.yml, 10 is the default")
print(f"  built: {built}")
assert built == [(30, "view")], built
PY
"$folder/venv/bin/python" - <<'PY'
from dbt.cli.main import dbtRunner

results = dbtRunner().invoke(["--quiet", "--log-level", "none", "test"]).result.results
status = {result.node.name: result.status.value for result in results}
print(f"  unit test that expects 30 and view: {status['as_it_is_built']}; guess: pass")
print(f"  unit test that expects 10 and unit: {status['as_no_build_has_it']}; guess: fail")
assert status == {"as_it_is_built": "fail", "as_no_build_has_it": "pass"}, status
PY
echo "Matters: pass such numbers as vars or macros; a unit test sees those as a build does."
