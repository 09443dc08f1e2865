#!/usr/bin/env bash
# DuckDB 2 refuses the second thread on a Python connection that DuckDB 1.5 let wait.
#
# A report fills its panels from several threads and all of them use one connection.
# Guess: a connection serves one query at a time, so the second thread waits for the first.
# Seen: duckdb 1.5.6 waits, and may then return the rows of the other thread. duckdb 2.0.1 raises
#   ResourceInUseException at once. cursor() does not raise: a cursor of its own for each thread works in both.
#   A cursor has its own time zone in both: not the one that was set on its connection without `global`.
# Why it matters: the code passes its tests, in which no two queries meet, and fails in production now and then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/two_threads.py" <<'PY'
import threading

import duckdb

busy = threading.Event()


def ask(connection, query):
    try:
        return connection.execute(query).fetchone()
    except duckdb.Error as error:
        return type(error).__name__


def first(connection, answers):
    busy.set()
    answers.append(ask(connection, "select sum(a.range * b.range) from range(20000) a, range(20000) b"))


with duckdb.connect(config={"threads": 1}) as connection:
    connection.execute("set TimeZone = 'Asia/Tokyo'")
    cursor = connection.cursor()
    zone = cursor.execute("select current_setting('TimeZone')").fetchone()[0]
    answers = []
    thread = threading.Thread(target=first, args=(connection, answers))
    thread.start()
    busy.wait()
    shared = "waits"
    while thread.is_alive() and shared == "waits":
        # Its rows may be those of the other thread; only an error counts.
        found = ask(connection, "select 1")
        shared = found if isinstance(found, str) else "waits"
    own = ask(cursor, "select 1")
    thread.join()
print(shared, own == (1,), zone == "Asia/Tokyo")
PY
expect() {
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install -qq --no-compile --disable-pip-version-check "duckdb==$1" pytz
    seen=$(TZ=UTC "$folder/$1/bin/python" "$folder/two_threads.py")
    echo "duckdb $1: second thread on the same connection, a cursor works, the cursor has the zone: $seen"
    [ "$seen" = "$2" ]
}
expect 1.5.6 "waits True False"
expect 2.0.1 "ResourceInUseException True False"
echo "  guess: waits True True, in both"
echo "Matters: give each thread a cursor before you upgrade, and set the time zone with 'set global'."
