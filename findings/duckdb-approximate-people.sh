#!/usr/bin/env bash
# approx_count_distinct of DuckDB 1.5.6 is a third too high for 100,000 ids.
#
# Guess: HyperLogLog is within about 2 % of the truth, and exact or nearly so for a few dozen values,
#   as in ClickHouse, BigQuery, Redis or PostgreSQL's extension.
# Seen: DuckDB 1.5.6 counts 132,877 of the 100,000 ids user-0 … user-99999, and 821 of 1,000 hashes.
#   20 numbers are 22. The error is repeatable: it depends on the values and not on the run.
#   DuckDB 2.0.1 is within 4 % on the same values, and exact for 20.
# Why it matters: daily or monthly active people in a dashboard jump by tens of percent when the ids
#   change their form or the engine its version, with no change in how many people came.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import duckdb

print(f"duckdb {duckdb.__version__}: the guess is at most 2 % away")
worst = 0.0
for form in ["i", "'user-' || i", "md5(i::varchar)"]:
    for people in [20, 1_000, 100_000]:
        query = f"select approx_count_distinct({form}) from range({people}) t(i)"
        (counted,) = duckdb.execute(query).fetchone()
        error = counted / people - 1
        worst = max(worst, abs(error))
        print(f"  {form:16} {people:>7} people, counted {counted:>7} ({error:+.1%})")
if duckdb.__version__ == "1.5.6":
    assert worst > 0.25, worst
else:
    assert worst < 0.05, worst
PY
done
echo "Matters: count(distinct …) is the only one of the two to publish from DuckDB 1.5."
