#!/usr/bin/env bash
# amplitude-analytics (Python): events that meet one 503 while the client shuts down are lost, and the exit code is 0.
#
# Guess: shutdown() tries again what the server asked to send later, or spools it, or says that it failed.
# Seen: amplitude-analytics 1.3.0 makes one request. The retry goes back to the queue of a client whose pool of
#   threads is shut; shutdown() returns, and the RuntimeError of it is only printed when the interpreter ends.
# Why it matters: a short-lived job (cron, lambda) loses its last batch at the first 503, 429 or 413.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check amplitude-analytics==1.3.0
cat >"$folder/job.py" <<'PY'
import json
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from amplitude import Amplitude, BaseEvent

logging.disable(logging.CRITICAL)
answers = [503] if sys.argv[1] == "busy" else []
asked = []


class Server(BaseHTTPRequestHandler):
    """Says once that it is busy, if it shall, and takes everything afterwards."""

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"]
        code = answers.pop(0) if answers else 200
        asked.append(f"{code} for {len(events)} events")
        body = json.dumps({"code": code}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Amplitude("key")
client.configuration.server_url = f"http://127.0.0.1:{server.server_port}/2/httpapi"
client.configuration.flush_interval_millis = 60_000
for _ in range(3):
    client.track(BaseEvent("click", user_id="u1"))
client.shutdown()
time.sleep(5)
print(", ".join(asked))
PY
for state in free busy; do
    code=0
    seen=$("$folder/venv/bin/python" "$folder/job.py" "$state" 2>"$folder/errors") || code=$?
    echo "amplitude-analytics 1.3.0, server $state: $seen; exit $code; $(tail -1 "$folder/errors")"
    case $state in
        free) [ "$seen" = "200 for 3 events" ] ;;
        busy) [ "$seen" = "503 for 3 events" ] && [ "$code" = 0 ] ;;
    esac
done
echo "  guess: 503 for 3 events, 200 for 3 events"
echo "Matters: wait until the queue is empty before shutdown(), or answer such clients only when it must be."
