#!/usr/bin/env bash
# A macro of DuckDB evaluates its argument once for each place in which it is named.
#
# A macro that fills a default, or compares a value with itself, is called with random(), uuid() or a sub-query.
# Guess: the argument is evaluated once, as that of a function of SQL or Python is.
# Seen: duckdb 1.5.6 and 2.0.1 paste the argument into the body. is_same(random()), defined as x = x, is false, and
#   a macro that returns twice the same id for uuid() returns two ids. A sub-query as argument gives equal results,
#   but stands in the plan once for each place.
# Why it matters: two columns that should have one new id have two, and a macro over an expensive argument costs as
#   many times as its body names it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/macro.py" <<'PY'
import duckdb

with duckdb.connect() as connection:
    connection.execute("create macro is_same(x) as x = x")
    connection.execute("create macro key_and_copy(x) as [x, x]")
    connection.execute("create macro is_same_kept(x) as (select kept = kept from (select x as kept))")
    same = connection.execute("select bool_or(is_same(random())) from range(1000)").fetchall()[0][0]
    key, copy = connection.execute("select key_and_copy(uuid())").fetchall()[0][0]
    kept = connection.execute("select is_same_kept(random())").fetchall()[0][0]
print(same, key == copy, kept)
PY
for version in 1.5.6 2.0.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$version"
    seen=$("$folder/$version/bin/python" "$folder/macro.py")
    echo "duckdb $version: random() equals itself, uuid() is one id, kept in a sub-query it equals itself: $seen"
    [ "$seen" = "False False True" ]
done
echo "  guess: True True True"
echo "Matters: name an argument once, in a sub-query of the macro, if it is volatile or expensive."
