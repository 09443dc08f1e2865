#!/usr/bin/env bash
# sqlglot rewrites DuckDB's SQL into DuckDB's SQL with another answer.
#
# Tools that read SQL with sqlglot, such as SQLMesh, Ibis and Superset, can send DuckDB what it writes.
# Guess: from DuckDB to DuckDB the text may change, the answer does not.
# Seen: p ->> 'utm.source' is a key with a dot for DuckDB. sqlglot writes p ->> '$.utm.source', which
#   is a path: the key `source` within `utm`. It finds nothing, and no error tells so. And sqlglot adds
#   the parentheses that DuckDB 1.5.6 does not: there `->>` binds more loosely than `=`, so the
#   query `plan = p ->> 'plan'` fails in DuckDB and works in the BI tool.
# Why it matters: event properties have dots in their names (utm.source, $feature.flag, OpenTelemetry's
#   http.method). The chart of the BI tool says 0 where the same query in a shell says 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'duckdb==1.5.6' 'sqlglot==30.30.0'
"$folder/venv/bin/python" - <<'PY'
import duckdb
import sqlglot

connection = duckdb.connect()
connection.execute("create table events (plan varchar, p json)")
connection.execute("""insert into events values ('pro', '{"utm.source": "ads", "plan": "pro"}')""")


def answer(query):
    try:
        return connection.execute(query).fetchone()[0]
    except duckdb.Error as error:
        return type(error).__name__


print(f"duckdb {duckdb.__version__}, sqlglot {sqlglot.__version__}")
print("  guess: both queries of a pair give the same")
pairs = []
for query in [
    "SELECT COUNT(*) FROM events WHERE p ->> 'utm.source' = 'ads'",
    "SELECT COUNT(*) FROM events WHERE plan = p ->> 'plan'",
]:
    (rewritten,) = sqlglot.transpile(query, read="duckdb", write="duckdb")
    pairs.append((answer(query), answer(rewritten)))
    print(f"  {query}  -> {pairs[-1][0]}")
    print(f"    {rewritten}  -> {pairs[-1][1]}")
assert pairs == [(1, 0), ("ConversionException", 1)], pairs

# A path in quotes says the same to both.
safe = """SELECT COUNT(*) FROM events WHERE (p ->> '$."utm.source"') = 'ads'"""
assert answer(safe) == answer(sqlglot.transpile(safe, read="duckdb", write="duckdb")[0]) == 1
PY
echo "Matters: a dashboard filters on a property and shows 0. Write '\$.\"utm.source\"' instead."
