#!/usr/bin/env bash
# DuckDB 1.5.6 loses the text NULL in a Hive partition that it wrote itself.
#
# Guess: only __HIVE_DEFAULT_PARTITION__ stands for a missing value in a folder's name. An event that is
#   named NULL, or null, comes back as that text.
# Seen: DuckDB 1.5.6 writes event=NULL for the text and event=__HIVE_DEFAULT_PARTITION__ for a missing
#   value, and reads both as missing, in any case of the letters, even with hive_types = varchar.
#   PyArrow and DuckDB 2.0.1 read the text from the same files.
# Why it matters: a key of partitions is a name that strangers choose. NULL is a surname, and what a
#   template prints for nothing. Its events vanish from each query that names it, and only in one reader.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'pyarrow==26.0.1'
cd "$folder"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import os

import duckdb
import pyarrow.parquet

if not os.path.exists("events"):
    duckdb.execute("""
        copy (select * from (values ('signup', 1), ('NULL', 2), ('Null', 3), (null, 4)) t(event, id))
        to 'events' (format parquet, partition_by (event))
    """)
read = """
    select list(event order by id) from
    read_parquet('events/*/*.parquet', hive_partitioning = true, hive_types = {'event': varchar})
"""
(seen,) = duckdb.execute(read).fetchone()
rows = sorted(pyarrow.parquet.read_table("events").to_pylist(), key=lambda row: row["id"])
written = ["signup", "NULL", "Null", None]
print(f"written by DuckDB 1.5.6  {written}")
print(f"read by PyArrow          {[row['event'] for row in rows]}")
print(f"read by DuckDB {duckdb.__version__}     {seen}")
assert [row["event"] for row in rows] == written, rows
lossy = ["signup", None, None, None]
assert seen == {"1.5.6": lossy, "2.0.1": written}[duckdb.__version__], seen
PY
done
echo "Matters: events of that name are lost to DuckDB 1.5 alone. Partition by day, not by a name."
