#!/usr/bin/env bash
# OpenTelemetry's OTLP exporter for JavaScript: a batch that is too large for the server is gone, and so says nobody.
#
# Guess: after a 413 the batch processor splits the batch, keeps it, or forceFlush() and shutdown() reject.
# Seen: @opentelemetry/exporter-logs-otlp-http 0.223.0 asks once. forceFlush() and shutdown() resolve, nothing is
#   written to the output without a diagnostics logger, and the process ends with 0.
# Why it matters: the limit of a proxy loses 512 events at a time, without a line in any log.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/sdk-logs@0.223.0 \
    @opentelemetry/exporter-logs-otlp-http@0.223.0 @opentelemetry/api-logs@0.223.0 >/dev/null
cat >job.mjs <<'JS'
import http from "node:http";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";

const asked = [];
const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const records = JSON.parse(Buffer.concat(parts)).resourceLogs[0].scopeLogs[0].logRecords.length;
    asked.push(`413 for ${records} records`);
    response.writeHead(413).end();
  });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
server.unref();
const exporter = new OTLPLogExporter({ url: `http://127.0.0.1:${server.address().port}/v1/logs` });
const provider = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter })] });
const logger = provider.getLogger("job");
for (let step = 0; step < 20; step++) logger.emit({ eventName: "click", body: `${step}` });
const ends = [];
for (const end of ["forceFlush", "shutdown"]) {
  ends.push(await provider[end]().then(() => `${end} resolves`, () => `${end} rejects`));
}
console.log([...asked, ...ends].join(", "));
JS
seen=$(node job.mjs 2>&1)
echo "@opentelemetry/exporter-logs-otlp-http 0.223.0: $seen; exit 0"
echo "  guess: 413 for 20 records, forceFlush rejects"
[ "$seen" = "413 for 20 records, forceFlush resolves, shutdown resolves" ]
echo "Matters: set a diagnostics logger, and keep batches below the server's limit."
