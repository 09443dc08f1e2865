#!/usr/bin/env bash
# Segment's and RudderStack's Python SDKs read one naive clock in two time zones.
#
# timestamp=datetime.now() has no zone. The program runs in New York.
# Guess: a naive time counts always as UTC, or always as local time.
# Seen: a naive time younger than 5 seconds, or in the future, is local time. An older one is UTC. So
#   two clicks 20 seconds apart arrive 4 or 5 hours apart. PostHog's SDK has the same rule, but takes
#   times in the future as UTC: the three SDKs disagree about the same call.
# Why it matters: a job that sends `now` at once is right, and the same job with a queue or a retry is
#   hours off. Sessions break, and the order of a funnel's steps flips. Ask for aware times.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'segment-analytics-python==2.4.0' 'rudder-sdk-python==2.1.9' 'posthog==7.91.1'
TZ=America/New_York "$folder/venv/bin/python" - <<'PY'
import gzip
import json
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import rudderstack.analytics
import segment.analytics
from posthog import Posthog

batches = []


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        batches.append(json.loads(body)["batch"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"

now = datetime.now()
clocks = {
    "now": now,
    "20 seconds ago": now - timedelta(seconds=20),
    "in an hour": now + timedelta(hours=1),
}


def as_sent(send, flush):
    """The hours by which each clock arrives late, if it was meant as local time."""
    batches.clear()
    for name, clock in clocks.items():
        send(name, clock)
    flush()
    events = {event["event"]: event for batch in batches for event in batch}
    late = {}
    for name, clock in clocks.items():
        arrived = datetime.fromisoformat(events[name]["timestamp"])
        late[name] = round((arrived - clock.astimezone(timezone.utc)).total_seconds() / 3600)
    return late


seen = {}
for package, module in [
    ("segment-analytics-python", segment.analytics),
    ("rudder-sdk-python", rudderstack.analytics),
]:
    client = module.Client("key", host=host, gzip=False)
    seen[package] = as_sent(
        lambda name, clock: client.track("user", name, timestamp=clock), client.flush
    )
posthog = Posthog("phc_key", host=host)
seen["posthog"] = as_sent(
    lambda name, clock: posthog.capture(name, distinct_id="user", timestamp=clock), posthog.flush
)
posthog.shutdown()

offset = round(now.astimezone().utcoffset().total_seconds() / 3600)
print("Hours between what was meant and what arrived. Guess: the same in every column.")
for package, late in seen.items():
    print(f"  {package} {version(package)}: {late}")
for package in ["segment-analytics-python", "rudder-sdk-python"]:
    assert seen[package] == {"now": 0, "20 seconds ago": offset, "in an hour": 0}, seen
assert seen["posthog"] == {"now": 0, "20 seconds ago": offset, "in an hour": offset}, seen
PY
echo "Matters: the same code is right without a queue and hours off with one."
