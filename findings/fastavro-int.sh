#!/usr/bin/env bash
# fastavro writes 2^40 under the Avro type `int`. Polars reads another number.
#
# Guess: a value that does not fit its type is an error when it is written.
# Seen: fastavro's writer neither checks nor cuts 2^40 + 7 under `int` (32 bits). fastavro reads it back, so a
#   test of the round trip passes. Polars reads 7. Under `long`, 1.9 is written as 1 and True as 1.
#   writer(…, validator=True) refuses all of them.
# Why it matters: epoch milliseconds under `int` is a common slip in a schema of events. All Python tests
#   are green, and the warehouse has times of January 1970.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'fastavro==1.13.1' 'polars==2.1.0'
"$folder/venv/bin/python" - <<'PY'
import io

import fastavro
import polars
from fastavro.validation import ValidationError

schema = fastavro.parse_schema({
    "type": "record",
    "name": "event",
    "fields": [{"name": "at_ms", "type": "int"}, {"name": "seconds", "type": "long"}],
})
rows = [{"at_ms": 2**40 + 7, "seconds": 1.9}, {"at_ms": 5, "seconds": True}]
file = io.BytesIO()
fastavro.writer(file, schema, rows)
file.seek(0)
fast = list(fastavro.reader(file))
file.seek(0)
polar = polars.read_avro(file).to_dicts()
try:
    fastavro.writer(io.BytesIO(), schema, rows, validator=True)
    checked = "written"
except ValidationError:
    checked = "refused"

print(f"fastavro {fastavro.__version__}, polars {polars.__version__}; guess: an error from the writer")
print(f"  written          {rows}")
print(f"  read, fastavro   {fast}")
print(f"  read, polars     {polar}")
print(f"  validator=True   {checked}")
assert fast == [{"at_ms": 2**40 + 7, "seconds": 1}, {"at_ms": 5, "seconds": 1}], fast
assert polar == [{"at_ms": 7, "seconds": 1}, {"at_ms": 5, "seconds": 1}], polar
assert checked == "refused"
PY
echo "Matters: other readers see other numbers than the program that wrote the file."
