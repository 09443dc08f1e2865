#!/usr/bin/env bash
# PostHog's SDKs replace an event's own id, unless it is a UUID.
#
# capture(…, uuid=…) sets the id by which events are deduplicated.
# Guess: any text is an id, as with Segment's messageId. Or the call fails.
# Seen: posthog 7.91.1 (Python) sends another, random id and logs a warning. posthog-node 5.70.0 does the
#   same without a word. A job that sends `order-7` twice after a failure has sent two events.
# Why it matters: exactly-once from a queue or an outbox is what an own id is for. The order is counted
#   twice, and no id in the warehouse leads back to the source. Make a UUID of it: uuid5(namespace, id).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'posthog==7.91.1'
cd "$folder"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts posthog-node@5.70.0
cat >send.js <<'JS'
const { PostHog } = require("posthog-node");

const [host, ...ids] = process.argv.slice(2);
const posthog = new PostHog("phc_key", { host, disableCompression: true });
for (const uuid of ids) posthog.capture({ distinctId: "user", event: "paid", uuid });
posthog.shutdown(10_000);
JS
"$folder/venv/bin/python" - <<'PY'
import gzip
import json
import logging
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from posthog import Posthog

logging.disable()
arrived = []


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        arrived.extend(event["uuid"] for event in json.loads(body)["batch"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": 1}')

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"
good = str(uuid.uuid5(uuid.NAMESPACE_URL, "order-7"))
sent = ["order-7", "order-7", good]


def python():
    client = Posthog("phc_key", host=host)
    for each in sent:
        client.capture("paid", distinct_id="user", uuid=each)
    client.shutdown()


def node():
    subprocess.run(["node", "send.js", host, *sent], check=True, timeout=30)


print(f"sent and guessed: {sent}")
for package, send in [("posthog 7.91.1", python), ("posthog-node 5.70.0", node)]:
    arrived.clear()
    send()
    print(f"  {package:20} {arrived}")
    assert len(arrived) == 3 and len(set(arrived)) == 3, arrived
    assert "order-7" not in arrived and good in arrived, arrived
    assert all(uuid.UUID(each) for each in arrived)
PY
echo "Matters: what was sent twice counts twice. Send a UUID that is made from the id."
