#!/usr/bin/env bash
# DuckDB divides decimals as doubles, so an amount divided by one can be another amount.
#
# An average order is a sum of decimals divided by a count.
# Guess: a decimal divided by an integer is a decimal, as in PostgreSQL, Spark and Python.
# Seen: duckdb 1.5.6 and 2.0.1 give a DOUBLE, and so does avg() of decimals; sum() stays a decimal. The amount
#   900719925474099.31 divided by 1 is another amount, also after a cast back to a decimal.
# Why it matters: a column of money changes its type where it is divided, and a share that is multiplied back does not
#   give the amount. A cast around the division gives back the type, not the digits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/divide.py" <<'PY'
from decimal import Decimal

import duckdb

amount = Decimal("900719925474099.31")
with duckdb.connect() as connection:
    found = connection.execute(
        """
        select typeof(amount / 1), typeof(avg(amount)), typeof(sum(amount)),
            cast(any_value(amount) / 1 as decimal(38, 2)) = any_value(amount)
        from (select cast('900719925474099.31' as decimal(18, 2)) as amount)
        group by amount
        """
    ).fetchall()[0]
assert amount / 1 == amount
print(*found)
PY
for version in 1.5.6 2.0.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$version"
    seen=$("$folder/$version/bin/python" "$folder/divide.py")
    echo "duckdb $version: amount / 1, avg and sum are, and the amount is kept: $seen"
    [ "$seen" = "DOUBLE DOUBLE DECIMAL(38,2) False" ]
done
echo "  guess: DECIMAL DECIMAL DECIMAL(38,2) True"
echo "Matters: keep sum and count, and divide last, where people look."
