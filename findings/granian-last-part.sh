#!/usr/bin/env bash
# granian (ASGI): the last bytes of a body of known length come with more_body true.
#
# Guess: a request that says Content-Length, whose bytes are all there, is one message http.request with
#   more_body false, as uvicorn gives it.
# Seen: granian 2.8.7 gives all bytes with more_body true, and then an empty message with more_body false.
# Why it matters: an application that waits for the word of the server waits once more in each request: its
#   answer to a body of one line takes a second turn of the event loop.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check granian==2.8.7 uvicorn==0.54.0
cat >application.py <<'PY'
import json


async def application(scope, receive, send):
    """Answer with what came: the length of each message's body, and its more_body."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    came = []
    while not came or came[-1][1]:
        message = await receive()
        came.append([len(message.get("body", b"")), message.get("more_body", False)])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(came).encode()})
PY
cat >ask.py <<'PY'
import json
import socket
import subprocess
import time
import urllib.request

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
COMMANDS = {
    "granian": ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-log"],
    "uvicorn": ["--host", "127.0.0.1", "--port", str(port), "--log-level", "critical"],
}
seen = {}
for server, arguments in COMMANDS.items():
    process = subprocess.Popen([f"env/bin/{server}", "application:application", *arguments])
    try:
        for _ in range(200):
            try:
                answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/", b"x" * 100, timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        seen[server] = json.load(answer)
    finally:
        process.terminate()
        process.wait()
    print(f"{server}: bytes and more_body of each message: {seen[server]}")
assert seen == {"granian": [[100, True], [0, False]], "uvicorn": [[100, False]]}
PY
env/bin/python ask.py
echo "  guess: one message with more_body false"
echo "Matters: count the bytes against Content-Length, and be done when they are there."
