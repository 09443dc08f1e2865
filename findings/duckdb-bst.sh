#!/usr/bin/env bash
# BST is Dhaka in DuckDB, AST is Alaska and SST the Solomon Islands.
#
# Guess: BST is British Summer Time (UTC+1), AST is Atlantic (UTC-4) and SST is Samoa (UTC-11). Or they
#   are unknown, as in Python's zoneinfo.
# Seen: DuckDB takes the old three-letter names of ICU and Java for whole zones: BST is Asia/Dhaka (UTC+6),
#   AST is America/Anchorage. PST is Los Angeles with its summer time (UTC-7 in June), while EST stays
#   UTC-5 all year. EDT and CEST are unknown. A text '… BST' cast to TIMESTAMPTZ goes the same way.
# Why it matters: a client that sends the abbreviation of its zone is five hours off in London, without an
#   error. Accept offsets and IANA names only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import duckdb

guesses = {"BST": 1, "AST": -4, "SST": -11, "PST": -8, "EST": -5}
seen = {}
for name in [*guesses, "EDT", "CEST"]:
    query = "select epoch(timestamp '2026-06-01') - epoch(timestamp '2026-06-01' at time zone $1)"
    try:
        seen[name] = round(duckdb.execute(query, [name]).fetchone()[0] / 3600)
    except duckdb.Error:
        seen[name] = "unknown"
cast = "select ('2026-06-01 12:00:00 BST'::timestamptz at time zone 'UTC')::varchar"
(text,) = duckdb.execute(cast).fetchone()
print(f"duckdb {duckdb.__version__}: hours from UTC in June")
print(f"  guess: {guesses}")
print(f"  seen:  {seen}")
print(f"  12:00:00 BST is {text} UTC; guess: 11:00:00")
assert seen == {
    "BST": 6, "AST": -8, "SST": 11, "PST": -7, "EST": -5, "EDT": "unknown", "CEST": "unknown"
}, seen
assert text == "2026-06-01 06:00:00", text
PY
done
echo "Matters: events of London are five hours early, and land on the day before for a fifth of the day."
