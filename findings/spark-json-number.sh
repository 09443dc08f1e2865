#!/usr/bin/env bash
# Spark: the text of a JSON number is spelled as Java spells it.
#
# Guess: get_json_object gives the number as it stands in the JSON, as PostgreSQL, SQLite and jq do for 12345678.5.
# Seen: pyspark 4.0.3 gives 1.23456785E7, from ten million on, and 1.0E-4 for 0.0001. to_json(parse_json(…)) takes
#   another way and gives 12345678.5, but writes 1 for 1.0.
# Why it matters: a property that people group by as text falls into two groups, by the engine that read it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyspark==4.0.3 setuptools==80.9.0
cat >ask.py <<'PY'
import sqlite3

from pyspark.sql import SparkSession

session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
sqlite = sqlite3.connect(":memory:")
seen = {}
for number in ("9999999.5", "12345678.5", "0.0001", "1.0"):
    json = f'{{"price": {number}}}'
    text, again = session.sql(
        f"select get_json_object('{json}', '$.price'), to_json(parse_json('{json}'))"
    ).collect()[0]
    (there,) = sqlite.execute("select json_extract(?, '$.price') || ''", [json]).fetchone()
    seen[number] = (text, again)
    print(f"{number}: get_json_object {text}, to_json {again}, SQLite {there}")
assert seen == {
    "9999999.5": ("9999999.5", '{"price":9999999.5}'),
    "12345678.5": ("1.23456785E7", '{"price":12345678.5}'),
    "0.0001": ("1.0E-4", '{"price":0.0001}'),
    "1.0": ("1.0", '{"price":1}'),
}, "it has changed"
PY
env/bin/python ask.py 2>/dev/null
echo "As seen: pyspark 4.0.3 spells numbers of JSON in Java's way."
