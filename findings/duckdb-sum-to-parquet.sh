#!/usr/bin/env bash
# A sum of integers leaves DuckDB as a double when it is written to Parquet or given to pandas.
#
# Guess: sum(bigint) is an exact integer (DuckDB's HUGEINT), and decimal(38, 0) in a Parquet file.
# Seen: COPY … TO Parquet writes HUGEINT as DOUBLE, and .df() gives float64. Both lose digits beyond 2^53.
#   Arrow and Polars get an exact decimal(38, 0) from the same query. DuckDB itself reads the file back
#   as DOUBLE, so a table that goes through Parquet changes its type.
# Why it matters: a mart with sums (cents, bytes, milliseconds) changes type and exactness by the door
#   through which it leaves. A join of exported ids that were summed or widened finds the wrong row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'duckdb==1.5.6' 'pyarrow==26.0.1' 'pandas==3.1.1'
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import duckdb
import pyarrow.parquet

query = "select sum(cents) as cents from (values (9007199254740993::bigint)) t(cents)"
exact = 9007199254740993
duckdb.execute(f"copy ({query}) to 'sums.parquet' (format parquet)")
parquet = pyarrow.parquet.read_table("sums.parquet").column("cents")
frame = duckdb.execute(query).df()["cents"]
arrow = duckdb.execute(query).to_arrow_table().column("cents")
native = duckdb.execute(query).fetchone()[0]
back = duckdb.execute("select typeof(cents) from 'sums.parquet'").fetchone()[0]

print(f"duckdb {duckdb.__version__}: the sum of 9007199254740993; guess: exact everywhere")
print(f"  fetchone   {native}")
print(f"  Arrow      {arrow[0]} ({arrow.type})")
print(f"  Parquet    {int(parquet[0].as_py())} ({parquet.type}), read back as {back}")
print(f"  pandas     {int(frame[0])} ({frame.dtype})")
assert native == exact
assert str(arrow.type) == "decimal128(38, 0)" and int(arrow[0].as_py()) == exact
assert str(parquet.type) == "double" and int(parquet[0].as_py()) == exact - 1
assert back == "DOUBLE"
assert str(frame.dtype) == "float64" and int(frame[0]) == exact - 1
PY
echo "Matters: cast sums to bigint or decimal before they are exported."
