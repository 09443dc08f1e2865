#!/usr/bin/env bash
# DuckDB: a gzip file that lacks its last bytes is read as whole.
#
# Guess: the checksum and the length at the end of a gzip file are compared, and a file that ends before them is cut.
# Seen: DuckDB 1.5.6 reads all lines of a file without its last 8 bytes, and raises nothing. Python's gzip raises
#   EOFError, and gzip -t says "unexpected end of file".
# Why it matters: an upload that broke off in its last packet passes as complete, and so does a file whose content
#   and checksum differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check duckdb==1.5.6
env/bin/python - <<'PY'
import gzip
from pathlib import Path

import duckdb

whole = gzip.compress(b"".join(b'{"event": %d}\n' % each for each in range(1000)))
other = bytearray(whole)
other[-8] ^= 1
for name, content in {"whole": whole, "no tail": whole[:-8], "other checksum": bytes(other)}.items():
    path = Path(f"{name}.ndjson.gz")
    path.write_bytes(content)
    rows = duckdb.sql(f"select count(*) from read_json('{path}')").fetchone()[0]
    try:
        gzip.decompress(content)
        python = "reads it"
    except (EOFError, gzip.BadGzipFile) as error:
        python = type(error).__name__
    print(f"DuckDB {duckdb.__version__}, {name}: {rows} rows; Python's gzip: {python}")
    assert rows == 1000
    assert (python == "reads it") == (name == "whole")
PY
echo "  guess: an error for all but the first"
echo "Matters: check a file with gzip before it is loaded."
