#!/usr/bin/env bash
# PyArrow's JSON reader gives a column of times or of text, by whether some event has milliseconds.
#
# Guess: ISO times are text in JSON and stay text, or all of them become timestamps with their zone.
# Seen: where all times of a file fall on whole seconds the column is timestamp[s]: converted to UTC,
#   without a zone, and a time without an offset counts as UTC beside it. One time with a fraction, and the
#   whole column is text. A number of 20 digits makes its column a double, and its last digits are lost.
# Why it matters: the schema of a file depends on its events. Tests write whole seconds, clients send
#   milliseconds: the load that passed in tests fails on the first real file, or the other way round at
#   night, when a file holds three events. Give the reader an explicit schema.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'pyarrow==26.0.1'
"$folder/venv/bin/python" - <<'PY'
import io

import pyarrow
import pyarrow.json

events = {
    "whole seconds": ['"2026-11-29T10:00:00Z"', '"2026-11-29T10:00:00+02:00"', '"2026-11-29T10:00:00"'],
    "one fraction": ['"2026-11-29T10:00:00Z"', '"2026-11-29T10:00:00.250Z"'],
    "a long id": ["12345678901234567890", "1"],
}
tables = {}
print(f"pyarrow {pyarrow.__version__}; guess: strings, or timestamps with a zone, for both kinds of file")
for kind, values in events.items():
    lines = "\n".join(f'{{"value": {value}}}' for value in values)
    tables[kind] = pyarrow.json.read_json(io.BytesIO(lines.encode()))
    column = tables[kind].column("value")
    print(f"  {kind:14} {column.type!s:13} {[str(value) for value in column]}")
types = {kind: str(table.schema.field("value").type) for kind, table in tables.items()}
assert types == {
    "whole seconds": "timestamp[s]", "one fraction": "string", "a long id": "double"
}, types
hours = [value.hour for value in tables["whole seconds"].column("value").to_pylist()]
assert hours == [10, 8, 10], hours
assert tables["a long id"].column("value")[0].as_py() != 12345678901234567890
try:
    pyarrow.concat_tables([tables["whole seconds"], tables["one fraction"]])
except pyarrow.ArrowInvalid:
    print("  the two files have no common schema")
else:
    raise AssertionError("the two files have one schema")
PY
echo "Matters: two files of one stream of events do not fit into one table."
