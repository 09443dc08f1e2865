#!/usr/bin/env bash
# DuckDB: which compression a column gets, and so the size of the file, is by chance.
#
# Guess: the same rows, written by the same statement of the same version with one thread, give the same storage.
# Seen: DuckDB 1.5.6 reckons what FSST would save from a random sample, without a seed (setseed does not reach it). Where
#   the reckoned size is near that of another way, twenty files of the same 50,000 texts have FSST in some and
#   no compression in others.
# Why it matters: the size of a file cannot be compared from one run to the next, and a test that expects a certain
#   compression of realistic texts fails on one night in ten.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv site
site/bin/pip install --quiet --disable-pip-version-check duckdb==1.5.6
cat >ask.py <<'PY'
from collections import Counter

import duckdb

found = Counter()
for attempt in range(20):
    with duckdb.connect(f"{attempt}.duckdb", config={"threads": 1}) as connection:
        connection.execute("select setseed(0.5)")
        connection.execute(
            "create table visits as select to_base64(unhex(sha256(visit::text))) as token from range(50_000) as t(visit);"
            " checkpoint"
        )
        (way,) = connection.execute(
            "select distinct compression from pragma_storage_info('visits') where segment_type = 'VARCHAR'"
        ).fetchone()
        found[way] += 1
print(sorted(found))
PY
site/bin/python ask.py | tee seen
grep -q "'FSST', 'Uncompressed'" seen
echo "As seen: the compression of the same rows changes from file to file."
