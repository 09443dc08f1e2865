#!/usr/bin/env bash
# The last tenth of a microsecond of a day: which day, in msgspec and in DuckDB?
#
# .NET writes seven digits of a second (2026-11-29T23:59:59.9999999Z), Go and Rust up to nine.
# Guess: a reader with microseconds cuts the rest off, as Python's fromisoformat does. A cast to a coarser
#   type cuts too, so no event can leave its day.
# Seen: msgspec rounds: the event is on the 30th. DuckDB cuts the digits of a text, but rounds from type
#   to type: 23:59:59.9999 as TIMESTAMP_S or TIMESTAMP_MS is on the 30th. epoch_ms() cuts in 1.5.6 and
#   rounds in 2.0.1, and so does the cast of TIMESTAMP_NS to TIMESTAMP.
# Why it matters: a collector, a loader and a model that read one event by three of these ways do not
#   agree about its day. Two copies of it are two events, and an upgrade moves a few.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'msgspec==0.22.0'
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
from datetime import datetime
from importlib.metadata import version

import duckdb
import msgspec

text = "2026-11-29T23:59:59.9999999Z"
python = datetime.strptime(text[:26], "%Y-%m-%dT%H:%M:%S.%f").day
decoded = msgspec.json.decode(f'"{text}"', type=datetime).day
(duck,) = duckdb.execute(
    """
    select {
        'text as TIMESTAMP': day($1::timestamp),
        'TIMESTAMP as TIMESTAMP_S': day($1::timestamp::timestamp_s),
        'TIMESTAMP as TIMESTAMP_MS': day($1::timestamp::timestamp_ms),
        'TIMESTAMP by epoch_ms()': day(make_timestamp(epoch_ms($1::timestamp) * 1000)),
        'TIMESTAMP_NS as TIMESTAMP': day($1::timestamp_ns::timestamp)
    }
    """,
    [text.removesuffix("Z")],
).fetchone()
print(f"The day of {text}; guess: 29")
print(f"  Python, six digits          {python}")
print(f"  msgspec {version('msgspec')}              {decoded}")
for way, day in duck.items():
    print(f"  DuckDB {duckdb.__version__}, {way:26} {day}")
assert (python, decoded) == (29, 30)
late = {"1.5.6": 29, "2.0.1": 30}[duckdb.__version__]
assert list(duck.values()) == [29, 30, 30, late, late], duck
PY
done
echo "Matters: cut the digits at the door, with date_trunc or in the text, and never by a cast."
