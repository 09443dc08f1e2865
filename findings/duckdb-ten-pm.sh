#!/usr/bin/env bash
# DuckDB 2.0.1 reads 10:00 PM as 10:00 in the morning.
#
# Guess: '2026-11-29 10:00:00 PM' is 22:00, as in PostgreSQL, or an error. TRY_CAST then gives NULL.
# Seen: DuckDB 1.5.6 refuses it. DuckDB 2.0.1 takes any word after a time for the name of a zone, and
#   a TIMESTAMP ignores zones: it gives 10:00. So does '2026-11-29 10:00:00 oops'. A cast to DATE is
#   stricter than it was: 1.5.6 makes a date of '2026-11-29 at ten', 2.0.1 refuses it.
# Why it matters: TRY_CAST(… AS TIMESTAMP) is the usual check of a client's clock. After the upgrade it
#   lets half a day of errors through, in place of rows for the quarantine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import duckdb

texts = ["2026-11-29 10:00:00 PM", "2026-11-29 10:00:00 oops", "2026-11-29 at ten"]
print(f"duckdb {duckdb.__version__}: text, as TIMESTAMP, as DATE")
seen = []
for text in texts:
    query = "select try_cast($1 as timestamp)::varchar, try_cast($1 as date)::varchar"
    seen.append(duckdb.execute(query, [text]).fetchone())
    print(f"  {text:26} {seen[-1]}")
print("  guess for the first: 22:00:00 or None")
day, ten = "2026-11-29", "2026-11-29 10:00:00"
assert seen == {
    "1.5.6": [(None, day), (None, day), (None, day)],
    "2.0.1": [(ten, day), (ten, day), (None, None)],
}[duckdb.__version__], seen
PY
done
echo "Matters: an upgrade moves evening events to the morning, without an error."
