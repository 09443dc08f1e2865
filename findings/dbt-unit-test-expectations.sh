#!/usr/bin/env bash
# A dbt unit test passes although every value that it expects is wrong.
#
# dbt compares the rows of a model with the rows under `expect`.
# Guess: an expected 1.4 for an actual 1 fails, as do 12:00 at +05:00 for 12:00 UTC and 2.46 for 2.5.
# Seen: dbt first casts each expected value to the type of the model's column. The cast rounds, drops
#   the offset of a timestamp and reads "yes" as true. The test then compares the results: it passes.
# Why it matters: a test of a session's length, an amount or an hour of day may state a value that the
#   model never gives. A wrong type in the model (an integer for a rate) passes a test that states 0.4.
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
YML
cat >"$folder/profiles.yml" <<'YML'
example: {target: dev, outputs: {dev: {type: duckdb, path: example.duckdb}}}
YML
cat >"$folder/models/visits.sql" <<'SQL'
select
    1 as visits,
    0 as bounce_rate,
    2.5::decimal(3, 1) as minutes,
    timestamp '2026-11-29 12:00:00' as began_at,
    true as is_first
SQL
cat >"$folder/models/visits.yml" <<'YML'
unit_tests:
  - name: wrong_by_less_than_the_cast
    model: visits
    given: []
    expect:
      rows:
        - {visits: 1.4, bounce_rate: 0.4, minutes: 2.46, began_at: "2026-11-29T12:00:00+05:00", is_first: "yes"}
  - name: wrong_by_more
    model: visits
    given: []
    expect:
      rows:
        - {visits: 1.6, bounce_rate: 0, minutes: 2.5, began_at: "2026-11-29T12:00:00", is_first: true}
YML
cd "$folder"
export DBT_PROFILES_DIR="$folder"
"$folder/venv/bin/python" - <<'PY'
from dbt.cli.main import dbtRunner

dbt = dbtRunner()
assert dbt.invoke(["--quiet", "--log-level-file", "none", "run"]).success
results = dbt.invoke(["--quiet", "--log-level", "none", "test"]).result.results
status = {result.node.name: result.status.value for result in results}
print("dbt-core 1.11.16, dbt-duckdb 1.11.1")
print("  model:    1 visit, bounce_rate 0, 2.5 minutes, 12:00, first: true")
print("  expected: 1.4 visits, bounce_rate 0.4, 2.46 minutes, 12:00+05:00, first: yes")
print("  guess:    the test fails")
print(f"  seen:     {status['wrong_by_less_than_the_cast']}")
print(f"  control:  1.6 visits expected, {status['wrong_by_more']}")
assert status["wrong_by_less_than_the_cast"] == "pass", status
assert status["wrong_by_more"] == "fail", status
PY
echo "Matters: test the type beside the value, for example with a typeof(...) column or a contract."
