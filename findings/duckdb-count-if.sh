#!/usr/bin/env bash
# count_if of DuckDB is NULL, not 0, where no row has an answer.
#
# Guess: count_if(condition) is count(*) filter (condition): a count, so never NULL.
# Seen: it is a sum. Without rows, or where the condition is NULL in every row, it is NULL.
# Why it matters: p ->> 'plan' = 'pro' is NULL for each event without that property. On a day on which no
#   event has it, count_if gives no number, and avg() over the days leaves that day out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import duckdb

days = duckdb.execute("""
    with events(day, plan) as (
        values (1, 'pro'), (1, 'pro'), (2, 'free'), (3, null)
    ),
    days as (
        select day, count_if(plan = 'pro') as pros, count(*) filter (plan = 'pro') as filtered
        from events group by day
    )
    select list(pros order by day), list(filtered order by day), avg(pros), avg(filtered) from days
""").fetchone()
empty = duckdb.execute("select count_if(true) from range(0)").fetchone()
print(f"duckdb {duckdb.__version__}")
print(f"  guess: [2, 0, 0] a day, {days[3]:.2f} on average, 0 without rows")
print(f"  seen:  {days[0]} a day, {days[2]:.2f} on average, {empty[0]} without rows")
assert days[0] == [2, 0, None] and days[1] == [2, 0, 0], days
assert (days[2], round(days[3], 2)) == (1.0, 0.67), days
assert empty == (None,), empty
PY
done
echo "Matters: a mean over days is too high. Write count(*) filter (…)."
