#!/usr/bin/env bash
# DuckDB: a subquery that contains a materialized CTE reads every column of its tables.
#
# Guess: of a view, a table macro or a subquery that selects *, a question that needs one column reads that one. So it is
#   without a CTE, and with the CTE beside the question.
# Seen: DuckDB 1.5.6 and 1.4.5. If the subquery itself has a materialized CTE, the scan reads all columns. With a CTE that
#   is not materialized, or with the CTE moved out of the subquery, it reads what is needed.
# Why it matters: a view with such a CTE over a table with wide JSON reads all of that JSON for each count. The plan is
#   right and so is the answer; only the time and the bytes are not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >ask.py <<'PY'
import json

import duckdb

connection = duckdb.connect()
connection.execute(
    "create table visits as select n as visit, n % 7 as page, repeat('x', 200) as details from range(1000) as t(n)"
)
connection.execute("create table pages as select n as page from range(3) as t(n)")


def columns_read(question):
    def scans(nodes):
        for node in nodes:
            if node["extra_info"].get("Table", "").endswith("visits"):
                yield node["extra_info"].get("Projections", [])
            yield from scans(node["children"])

    ((_, plan),) = connection.execute(f"explain (format json) {question}").fetchall()
    (found,) = scans(json.loads(plan))
    return [found] if isinstance(found, str) else sorted(found)


def asked(how):
    return f"select sum(visit) from (with seen as {how} (select page from pages) select * from visits where page in (from seen))"


print("inside, materialized:", columns_read(asked("materialized")))
print("inside, not materialized:", columns_read(asked("not materialized")))
outside = "with seen as materialized (select page from pages) select sum(visit) from (select * from visits where page in (from seen))"
print("outside, materialized:", columns_read(outside))
PY
for version in 1.5.6 1.4.5; do
  python3 -m venv "site$version"
  "site$version/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version"
  "site$version/bin/python" ask.py | tee seen
  grep -qx "inside, materialized: \['details', 'page', 'visit'\]" seen
  grep -qx "inside, not materialized: \['page', 'visit'\]" seen
  grep -qx "outside, materialized: \['page', 'visit'\]" seen
done
echo "As seen: behind a materialized CTE, every column is read."
