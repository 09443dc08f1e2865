#!/usr/bin/env bash
# Spark: a quote that is doubled inside a text disappears.
#
# Guess: 'it''s' is the text it's, as in the SQL standard and in every engine that dbt's users know.
# Seen: pyspark 4.0.3 reads two texts side by side and joins them: its. It says nothing. The same with
#   spark.sql.parser.escapedStringLiterals on, and with ANSI mode on, which is the default.
# Why it matters: a pattern or a name with a quote, escaped as the standard says, is another one on Spark.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyspark==4.0.3 setuptools==80.9.0
cat >ask.py <<'PY'
from pyspark.sql import SparkSession

session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
found = {}
for escaped in ("false", "true"):
    session.conf.set("spark.sql.parser.escapedStringLiterals", escaped)
    found[escaped] = session.sql("select 'it''s'").collect()[0][0]
print("with escapedStringLiterals:", found)
assert found == {"false": "its", "true": "its"}, "it has changed"
PY
env/bin/python ask.py 2>/dev/null
echo "As seen: pyspark 4.0.3 loses a doubled quote inside a text."
