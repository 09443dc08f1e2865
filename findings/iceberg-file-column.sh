#!/usr/bin/env bash
# Iceberg on Spark: a table may have a column _file, but then it cannot be read.
#
# Guess: a name that Iceberg keeps for itself (_file, _pos, …) is refused when the table is made, or it is hidden.
# Seen: Iceberg of rumbledb 3.0.0 with pyspark 4.0.3 makes and fills the table without a word. `select n` reads it,
#   and `select *`, `select _file` and `insert … select *` fail: the names conflict with metadata columns.
# Why it matters: loaders like to note the file of each row under this very name. It shows after the load.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pyspark==4.0.3 setuptools==80.9.0
env/bin/pip install --quiet --disable-pip-version-check --no-deps jsoniq==3.0.2
cat >ask.py <<'PY'
import glob

from pyspark.sql import SparkSession

(jar,) = glob.glob("env/lib/python3*/site-packages/jsoniq/jars/rumbledb-3.0.0.jar")
session = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.extraClassPath", jar)
    .config("spark.sql.catalog.ice", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.ice.type", "hadoop")
    .config("spark.sql.catalog.ice.warehouse", "warehouse")
    .getOrCreate()
)
session.sql("create table ice.raw.events using iceberg as select 'a.json' as _file, 1 as n")
answers = {}
for query in ("select n", "select _file", "select *"):
    try:
        answers[query] = str(session.sql(f"{query} from ice.raw.events").collect())
    except Exception as error:
        assert "conflict with names reserved for Iceberg metadata columns" in str(error), error
        answers[query] = "refused"
print(answers)
assert answers == {"select n": "[Row(n=1)]", "select _file": "refused", "select *": "refused"}, (
    "it has changed"
)
PY
env/bin/python ask.py 2>/dev/null
echo "As seen: the table with a column _file was made, and cannot be read whole."
