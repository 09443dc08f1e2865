#!/usr/bin/env bash
# dlt merges two properties into one column, and keeps one of the values.
#
# Guess: {"utm.source": …, "utm_source": …} makes two columns, or dlt's SchemaIdentifierNormalizationCollision.
# Seen: both names become utm_source, and the last key of the row wins. Nothing is said. A nested value wins
#   over a flat one in either order: {"utm": {"source": …}} and "utm__source" share a column too.
# And a column named …__v_text may hold times: where a number came first and an ISO time later, dlt makes
#   the column at__v_text of the type TIMESTAMP WITH TIME ZONE.
# Why it matters: a migration of a tracking plan (userId to user_id) sends both names for months. The
#   warehouse keeps the old or the new value by the order of the keys in the JSON.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'dlt[duckdb]==1.31.0' 'duckdb==1.5.6'
cd "$folder"
export RUNTIME__DLTHUB_TELEMETRY=false DLT_DATA_DIR="$folder"
"$folder/venv/bin/python" - 2>log <<'PY'
import dlt
import duckdb


def loaded(name, rows):
    """The columns and rows that dlt makes of some events, without its own columns."""
    file = f"{name}.duckdb"
    pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb(file), dataset_name="raw")
    pipeline.run(rows, table_name="events")
    with duckdb.connect(file) as connection:
        table = connection.sql("select columns(c -> not starts_with(c, '_dlt')) from raw.events")
        return dict(zip(table.columns, map(str, table.types), strict=True)), table.fetchall()


print(f"dlt {dlt.__version__}; guess: two columns, or an error")
dots_last = loaded("a", [{"utm_source": "new", "utm.source": "old"}])
dots_first = loaded("b", [{"utm.source": "old", "utm_source": "new"}])
nested_first = loaded("c", [{"utm": {"source": "nested"}, "utm__source": "flat"}])
nested_last = loaded("d", [{"utm__source": "flat", "utm": {"source": "nested"}}])
for seen in [dots_last, dots_first, nested_first, nested_last]:
    print(f"  {seen}")
variant = loaded("e", [{"at": 1764400000}, {"at": "2026-11-29T10:00:00Z"}])[0]
print(f"  number first, then a time: {variant}")
one = {"utm_source": "VARCHAR"}
assert dots_last == (one, [("old",)])
assert dots_first == (one, [("new",)])
assert nested_first == nested_last == ({"utm__source": "VARCHAR"}, [("nested",)])
assert variant == {"at": "BIGINT", "at__v_text": "TIMESTAMP WITH TIME ZONE"}, variant
PY
echo "Matters: a value is lost without a word. Load properties as JSON, or rename keys first."
