#!/usr/bin/env bash
# read_json makes one id of two that differ by case, because both look like a UUID.
#
# Devices and users have ids that clients made. Some of them write UUIDs in capitals, some in small letters, and a
# tracker takes an id as an opaque text.
# Guess: a JSON string is read as VARCHAR, so two texts stay two ids. Only numbers and times are detected.
# Seen: duckdb 1.5.6 and 2.0.1 detect UUID for such a column: two rows, one distinct id, and the text that comes back is
#   in small letters. One other id in the sample, such as u1, and the column is VARCHAR with two ids.
# Why it matters: whether two devices are counted as one depends on which other ids are in the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/ids.py" <<'PY'
import sys
from pathlib import Path

import duckdb

small = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
folder = Path(sys.argv[1])
answers = []
for name, ids in (("uuids", [small.upper(), small]), ("mixed", [small.upper(), small, "u1"])):
    path = folder / f"{name}.ndjson"
    path.write_text("".join(f'{{"device": "{each}"}}\n' for each in ids))
    question = "select any_value(typeof(device)), count(distinct device) from read_json(?)"
    answers += duckdb.execute(question, [str(path)]).fetchall()[0]
print(*answers)
PY
for version in 1.5.6 2.0.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$version"
    seen=$("$folder/$version/bin/python" "$folder/ids.py" "$folder")
    echo "duckdb $version: type and distinct ids of two UUIDs, and with a third id: $seen"
    [ "$seen" = "UUID 1 VARCHAR 3" ]
done
echo "  guess: VARCHAR 2 VARCHAR 3"
echo "Matters: give read_json the columns and their types where ids come from others."
