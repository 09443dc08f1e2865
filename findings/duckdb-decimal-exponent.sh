#!/usr/bin/env bash
# DuckDB 1.5.6 stores Decimal('1E+2') as 1.00.
#
# Python writes a round Decimal with an exponent: Decimal('100').normalize() is Decimal('1E+2').
# Guess: as a query parameter it is 100, since Decimal('1E+2') == Decimal('100').
# Seen: DuckDB 1.5.6 drops the exponent and keeps the digits: 1.00. There is no error. The same holds
#   for an insert, a filter and a column of a pandas frame. DuckDB 2.0.1 gives 100.
# Why it matters: an amount that a job has normalized is a hundred or a thousand times too small in
#   the warehouse, and only round amounts are: 19.90 stays right, so a spot check passes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
from decimal import Decimal

import duckdb

connection = duckdb.connect()
connection.execute("create table orders (amount decimal(18, 2))")
amounts = [Decimal("100"), Decimal("100").normalize(), Decimal("2E3"), Decimal("19.90").normalize()]
connection.executemany("insert into orders values (?)", [[amount] for amount in amounts])
stored = [str(amount) for (amount,) in connection.execute("from orders").fetchall()]
found = connection.execute("select count(*) from orders where amount = ?", [Decimal("1E+2")])
print(f"duckdb {duckdb.__version__}")
print(f"  sent    {[str(amount) for amount in amounts]}")
print("  guess   ['100.00', '100.00', '2000.00', '19.90']")
print(f"  stored  {stored}")

right = ["100.00", "100.00", "2000.00", "19.90"]
wrong = ["100.00", "1.00", "2.00", "19.90"]
assert stored == {"1.5.6": wrong, "2.0.1": right}[duckdb.__version__], stored
# The filter is wrong in the same way, so it finds the wrong row and misses the right one.
assert found.fetchone() == ({"1.5.6": 1, "2.0.1": 2}[duckdb.__version__],)
PY
done
echo "Matters: round amounts are stored too small by their power of ten, without an error."
