#!/usr/bin/env bash
# Ids of the package uuid7 say that they are of version 7, and are of the year 2203.
#
# Guess: `pip install uuid7` makes the UUIDv7 of RFC 9562: 48 bits of milliseconds, then random bits.
# Seen: uuid7 0.1.0 implements an early draft with seconds and nanoseconds. Its ids carry version 7 and
#   the right variant, so each validator takes them. DuckDB's uuid_extract_timestamp, which follows the
#   RFC, says 2203 or later. They sort after all real ones. The package uuid6 has the right uuid7().
# Why it matters: whoever takes the time of an event from its id, sorts by it or cuts partitions by it,
#   mixes two clocks 176 years apart, and nothing in the id tells which one it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'uuid7==0.1.0' 'uuid6==2025.0.1' 'duckdb==1.5.6'
"$folder/venv/bin/python" - <<'PY'
import time
import uuid

import duckdb
import uuid6
import uuid_extensions

this_year = time.gmtime().tm_year
years = {}
for package, make in [("uuid6 2025.0.1", uuid6.uuid7), ("uuid7 0.1.0", uuid_extensions.uuid7)]:
    made = uuid.UUID(str(make()))
    assert made.version == 7 and made.variant == uuid.RFC_4122
    query = "select year(uuid_extract_timestamp($1::uuid) at time zone 'UTC')"
    (years[package],) = duckdb.execute(query, [str(made)]).fetchone()
    print(f"  {package:15} {made}  year in DuckDB {duckdb.__version__}: {years[package]}")
print(f"  guess: {this_year} for both")
assert years["uuid6 2025.0.1"] == this_year, years
assert years["uuid7 0.1.0"] > 2200, years
PY
echo "Matters: a valid version 7 does not promise a time that can be read."
