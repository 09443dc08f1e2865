#!/usr/bin/env bash
# DuckDB turns 2.5 into 3 or into 2, by the way in which it is read from the same JSON.
#
# Guess: ::int rounds a half one way: up, as round() and PostgreSQL's numeric do.
# Seen: text and decimals round a half up, doubles round it to the even number. (p ->> 'n')::int goes by
#   text and gives 3. (p -> 'n')::int and from_json go by the JSON number, a double, and give 2.
#   round(2.5)::int is 3 for both.
# Why it matters: two models that read one property with -> and ->> do not add up, by every second half.
#   Points, ratings and quarter-hours are often halves.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import duckdb

(seen,) = duckdb.execute("""
    with events as (select unnest(['{"n":0.5}', '{"n":1.5}', '{"n":2.5}', '{"n":4.5}'])::json as p)
    select {
        '(p ->> ''n'')::int': list((p ->> 'n')::int),
        '(p -> ''n'')::int': list((p -> 'n')::int),
        'from_json(p, …)': list(from_json(p, '{"n": "INTEGER"}').n),
        '(p ->> ''n'')::double::int': list((p ->> 'n')::double::int),
        'round((p ->> ''n'')::double)::int': list(round((p ->> 'n')::double)::int)
    } from events
""").fetchone()
print(f"duckdb {duckdb.__version__}: 0.5, 1.5, 2.5, 4.5 as integers; guess: [1, 2, 3, 5] each time")
for way, numbers in seen.items():
    print(f"  {way:34} {numbers}, sum {sum(numbers)}")
up, even = [1, 2, 3, 5], [0, 2, 2, 4]
assert list(seen.values()) == [up, even, even, even, up], seen
PY
done
echo "Matters: say round() before ::int, and both ways agree."
