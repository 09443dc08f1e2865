#!/usr/bin/env bash
# Ibis changes the time zone of a DuckDB connection that it is given.
#
# Guess: ibis.duckdb.from_connection(connection) wraps a connection and leaves its settings alone.
# Seen: Ibis 12 sets the session's TimeZone to UTC. Queries of the program that owns the connection
#   then cut their days at midnight UTC, although they never asked Ibis for anything.
# Why it matters: a report that sets TimeZone to Europe/Berlin gives other daily figures from the line
#   on that a colleague wraps its connection for a chart. Pass the zone to date_trunc, not the session.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'ibis-framework[duckdb]==12.0.0' 'duckdb==1.5.6'
"$folder/venv/bin/python" - <<'PY'
import duckdb
import ibis

connection = duckdb.connect()
connection.execute("set timezone = 'Europe/Berlin'")
connection.execute("create table events as select timestamptz '2026-06-01 00:30:00+02' as occurred_at")
question = "select current_setting('timezone'), occurred_at::date::varchar from events"
before = connection.execute(question).fetchone()
ibis.duckdb.from_connection(connection)
after = connection.execute(question).fetchone()

print(f"ibis {ibis.__version__}, duckdb {duckdb.__version__}: zone, and day of one event")
print(f"  before from_connection: {before}")
print(f"  guess after it:         {before}")
print(f"  seen after it:          {after}")
assert before == ("Europe/Berlin", "2026-06-01"), before
assert after == ("UTC", "2026-05-31"), after
PY
echo "Matters: an event moves to the day before, in a query that Ibis has no part in."
