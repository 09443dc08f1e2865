#!/usr/bin/env bash
# DuckDB reads a text with only a number as an interval of seconds.
#
# A parameter or a configuration names a window: '7 days', '30 minutes'. Somebody writes '7'.
# Guess: try_cast('7' as interval) is null, as it is for '7 dyas', so that a wrong window is noticed.
# Seen: duckdb 1.5.6 and 2.0.1 give 7 seconds. '7 dyas' is null. '1:30' is an hour and a half, and
#   not 90 seconds.
# Why it matters: a funnel with the window '7' is one of seven seconds. It answers, and nearly nobody converts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/window.py" <<'PY'
import duckdb

texts = ("7", "7 dyas", "1:30")
found = [duckdb.execute("select try_cast(? as interval)", [text]).fetchall()[0][0] for text in texts]
print(*(each and round(each.total_seconds()) for each in found))
PY
for version in 1.5.6 2.0.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$version"
    seen=$("$folder/$version/bin/python" "$folder/window.py")
    echo "duckdb $version: seconds of '7', '7 dyas' and '1:30' as intervals: $seen"
    [ "$seen" = "7 None 5400" ]
done
echo "  guess: None None 5400"
echo "Matters: ask for a letter or a colon in the text before you cast it."
