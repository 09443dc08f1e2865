#!/usr/bin/env bash
# @amplitude/analytics-node: flush() resolves although nothing was delivered, and the process ends before the retry.
#
# Guess: `await client.flush().promise` resolves when the events are delivered or given up, and the retry of a 503
#   keeps the process until then.
# Seen: @amplitude/analytics-node 1.5.73 resolves after the first answer, whatever it was. The timer of the retry does
#   not hold the process, which ends with 0.
# Why it matters: the documented way to end a script loses the batch at the first 503 or 413, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @amplitude/analytics-node@1.5.73 >/dev/null
cat >job.mjs <<'JS'
import http from "node:http";
import { createInstance } from "@amplitude/analytics-node";

const answers = process.argv[2] === "busy" ? [503] : [];
const asked = [];
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    const code = answers.shift() ?? 200;
    asked.push(`${code} for ${JSON.parse(body).events.length} events`);
    response.writeHead(code, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ code }));
  });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
server.unref();
const serverUrl = `http://127.0.0.1:${server.address().port}/2/httpapi`;
const client = createInstance();
await client.init("key", { serverUrl, flushIntervalMillis: 60_000, logLevel: 0 }).promise;
for (let step = 0; step < 3; step++) client.track("click", {}, { user_id: "u1" });
await client.flush().promise;
process.on("exit", () => console.log(asked.join(", ")));
JS
for state in free busy; do
    seen=$(node job.mjs "$state")
    echo "@amplitude/analytics-node 1.5.73, server $state: $seen; exit 0"
    case $state in
        free) [ "$seen" = "200 for 3 events" ] ;;
        busy) [ "$seen" = "503 for 3 events" ] ;;
    esac
done
echo "  guess: 503 for 3 events, 200 for 3 events"
echo "Matters: read the results of track().promise, and flush again while one of them is not delivered."
