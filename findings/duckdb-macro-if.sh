#!/usr/bin/env bash
# DuckDB: a macro with if() that 2.0.1 writes into a file for older versions cannot be used there.
#
# Guess: a file that 2.0.1 writes with storage version 1.0.0 works in 1.5.6 as a whole: its tables and its macros.
# Seen: the tables can be read. 2.0.1 stores if(…) in the macro under a name of its own, and 1.5.6 says that there
#   is no function of the name if. The same macro written by 1.5.6 works in both, and so does a case expression.
# Why it matters: a published file opens, and the question fails only when somebody asks it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 1.5.6 2.0.1; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version"
done
cat >write.py <<'PY'
import sys

import duckdb

with duckdb.connect() as connection:
    connection.execute(f"attach '{sys.argv[1]}' as file (storage_version 'v1.0.0')")
    connection.execute("create table file.days as select 3 as persons")
    connection.execute("create macro file.size(n) as if(n > 2, 'many', 'few')")
    connection.execute("create macro file.same_size(n) as case when n > 2 then 'many' else 'few' end")
PY
cat >read.py <<'PY'
import sys

import duckdb

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    for question in ("persons", "same_size(persons)", "size(persons)"):
        try:
            print(question, "is", connection.execute(f"select {question} from days").fetchone()[0])
        except duckdb.CatalogException as error:
            print(question, "fails:", str(error).splitlines()[0])
PY
1.5.6/bin/python write.py by_old.duckdb
2.0.1/bin/python write.py by_new.duckdb
for writer in old new; do
    for reader in 1.5.6 2.0.1; do
        echo "written by the $writer one, read by $reader:"
        "$reader/bin/python" read.py "by_$writer.duckdb" | tee "$writer-$reader"
    done
done
grep -q '^size(persons) is many$' old-1.5.6 && grep -q '^size(persons) is many$' old-2.0.1
grep -q '^size(persons) is many$' new-2.0.1 && grep -q '^same_size(persons) is many$' new-1.5.6
grep -q '^size(persons) fails: .*name if does not exist' new-1.5.6
echo "As seen: only the macro with if() that 2.0.1 wrote fails in 1.5.6."
