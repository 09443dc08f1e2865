#!/usr/bin/env bash
# DuckDB 1.5.6 casts a text to a date although something else stands behind the day.
#
# A parameter or a column of text holds days, and some are mistyped.
# Guess: try_cast('2026-11-1x' as date) is NULL, as that of 2026-11-31 is, and a cast raises an error.
# Seen: duckdb 1.5.6 reads 2026-11-1x as 1 November and 2026-11-15abc as 15 November; 2026-11-31 is NULL, and so is
#   each of them as a timestamp. duckdb 2.0.1 gives NULL everywhere.
# Why it matters: a mistyped day becomes another day, a check by try_cast finds nothing, and the same query gives other
#   rows after an upgrade.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/days.py" <<'PY'
import duckdb

with duckdb.connect() as connection:
    for text in ("2026-11-1x", "2026-11-15abc", "2026-11-31"):
        day, moment = connection.execute(
            "select try_cast($1 as date), try_cast($1 as timestamp)", [text]
        ).fetchall()[0]
        print(text, day, moment, end="; ")
PY
expected_1=" 2026-11-1x 2026-11-01 None; 2026-11-15abc 2026-11-15 None; 2026-11-31 None None; "
expected_2=" 2026-11-1x None None; 2026-11-15abc None None; 2026-11-31 None None; "
for version in 1.5.6 2.0.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$version"
    seen=$("$folder/$version/bin/python" "$folder/days.py")
    echo "duckdb $version, text, as a date, as a timestamp: $seen"
    case $version in
        1.*) [ " $seen" = "$expected_1" ] ;;
        *) [ " $seen" = "$expected_2" ] ;;
    esac
done
echo "  guess: None in all places"
echo "Matters: match a text with a pattern before it becomes a date, or cast it to a timestamp first."
