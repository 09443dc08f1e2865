#!/usr/bin/env bash
# pyiceberg: a transaction that another one has overtaken is not refused; its rows are added all the same.
#
# Guess: two writers that loaded a table at the same snapshot cannot both commit. The second gets
#   CommitFailedException, as in pyiceberg 0.10, so rows and a note about them (a property of the table) in one
#   transaction are written once.
# Seen: pyiceberg 0.12.0 tries an append again on the new snapshot, four times by default. Both writers' rows are in the
#   table, and the property has what the second wrote. With `commit.retry.num-retries` = 0 on the table the second
#   is refused.
# Why it matters: two loaders that both find no note load the same rows twice, and no error tells it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv site
site/bin/pip install --quiet --disable-pip-version-check "pyiceberg[sql-sqlite,pyarrow]==0.12.0"
cat >ask.py <<'PY'
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

catalog = SqlCatalog("site", uri="sqlite:///catalog.db", warehouse=(Path.cwd() / "tables").as_uri())
catalog.create_namespace("raw")
rows = pa.table({"visit": [1, 2, 3]})
for name, properties in (("usual", {}), ("strict", {"commit.retry.num-retries": "0"})):
    catalog.create_table(f"raw.{name}", rows.schema, properties=properties)
    writers = [catalog.load_table(f"raw.{name}") for _ in range(2)]
    told = []
    for number, table in enumerate(writers):
        try:
            with table.transaction() as transaction:
                transaction.append(rows)
                transaction.set_properties({"loaded by": str(number)})
            told.append("committed")
        except CommitFailedException:
            told.append("refused")
    after = catalog.load_table(f"raw.{name}")
    print(name, told, after.scan().to_arrow().num_rows, "rows, loaded by", after.properties["loaded by"])
PY
site/bin/python ask.py 2>/dev/null | tee seen
grep -qx "usual \['committed', 'committed'\] 6 rows, loaded by 1" seen
grep -qx "strict \['committed', 'refused'\] 3 rows, loaded by 0" seen
echo "As seen: both transactions are committed, unless the table says that nothing is tried again."
