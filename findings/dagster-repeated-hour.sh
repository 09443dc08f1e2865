#!/usr/bin/env bash
# Dagster: the second 01:00 of the night in autumn has a partition key of another format.
#
# Guess: hourly partitions of New York have keys like 2026-11-01-01:00, in the definition's format. The hour
#   that the clocks repeat has one partition of two hours, or two keys that are alike.
# Seen: the day has 25 partitions. The first 01:00 keeps the plain key, and the second is
#   2026-11-01-01:00-0500, which datetime.strptime with the definition's own format refuses. And a daily
#   schedule at 01:30 runs once in that night, at the second 01:30, not the first as with Vixie cron.
# Why it matters: code that makes a path or a filter from the key works for 8,759 hours of the year. Use
#   context.partition_time_window in place of the key's text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'dagster==1.13.27'
DAGSTER_HOME='' "$folder/venv/bin/python" - <<'PY'
from datetime import datetime
from itertools import islice

import dagster
from dagster._utils.schedules import schedule_execution_time_iterator

zone = "America/New_York"
hours = dagster.HourlyPartitionsDefinition(
    start_date="2026-11-01-00:00", end_date="2026-11-02-00:00", timezone=zone
)
keys = hours.get_partition_keys()
odd = []
for key in keys:
    try:
        datetime.strptime(key, hours.fmt)
    except ValueError:
        odd.append(key)
starts = [hours.time_window_for_partition_key(key).start.isoformat() for key in keys[1:3]]
evening = datetime.fromisoformat("2026-10-31T20:00:00-04:00").timestamp()
(run,) = islice(schedule_execution_time_iterator(evening, "30 1 * * *", zone), 1)

print(f"dagster {dagster.__version__}, format {hours.fmt}")
print(f"  keys of 2026-11-01: {len(keys)}, such as {keys[1:4]}")
print(f"  not in the format: {odd}; guess: none")
print(f"  the daily run of 01:30 is at {run.isoformat()}; guess: 01:30-04:00")
assert len(keys) == 25 and odd == ["2026-11-01-01:00-0500"], (len(keys), odd)
assert starts == ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"], starts
assert run.isoformat() == "2026-11-01T01:30:00-05:00", run
PY
echo "Matters: one partition a year fails in code that reads the key."
