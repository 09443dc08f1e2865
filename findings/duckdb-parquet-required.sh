#!/usr/bin/env bash
# DuckDB 2: whether a column of a Parquet file may be null depends on the rows that were written.
#
# Guess: `copy … to … (format parquet)` makes every column OPTIONAL, as 1.5.6 does, or follows the table's own
#   constraints: two files of one table have one schema.
# Seen: DuckDB 2.0.1 makes a column without a null in these rows REQUIRED, although the table allows nulls.
# Why it matters: the files of two days have different schemas, and a reader that compares them refuses the second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 1.5.6 2.0.1; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version"
done
cat >ask.py <<'PY'
import duckdb

with duckdb.connect() as connection:
    connection.execute("create table events (name text, plan text)")
    for day, plan in (("monday", "'annual'"), ("tuesday", "null")):
        connection.execute(f"delete from events; insert into events values ('a', 'annual'), ('b', {plan})")
        connection.execute(f"copy (from events) to '{day}.parquet' (format parquet)")
        found = connection.execute(
            f"select name, repetition_type from parquet_schema('{day}.parquet') where name <> 'duckdb_schema'"
        ).fetchall()
        print(day, dict(found))
PY
1.5.6/bin/python ask.py | tee old
2.0.1/bin/python ask.py | tee new
[ "$(grep -c "'plan': 'OPTIONAL'" old)" = 2 ]
grep -q "^monday .*'plan': 'REQUIRED'" new
grep -q "^tuesday .*'plan': 'OPTIONAL'" new
echo "As seen: with 2.0.1 the schema of the file depends on its rows."
