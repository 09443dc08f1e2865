#!/usr/bin/env bash
# Segment's Node SDK: each message id repeats 14 of the 16 random bytes of the one before.
#
# An id is node-next-<milliseconds>-<UUID of version 4>.
# Guess: a UUID of version 4 is 122 fresh random bits, so ids can be hashed, sampled and cut at will.
# Seen: @segment/analytics-node 3.1.0 takes its UUIDs from a window over a pool of random bytes and moves
#   the window by two bytes an event: …-049d2876-1e12-… is followed by …-28761e12-…. The ids differ,
#   so deduplication by the whole id works.
# Why it matters: a sample "one in 256, by a byte of the id" takes neighbours together: an event whose
#   third byte fits is followed by one whose first byte does. Sample by a hash of the whole id.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @segment/analytics-node@3.1.0
cat >ids.js <<'JS'
const assert = require("node:assert");
const http = require("node:http");
const { Analytics } = require("@segment/analytics-node");

const ids = [];
const collector = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    for (const event of JSON.parse(Buffer.concat(parts)).batch) ids.push(event.messageId);
    response.end("{}");
  });
});
collector.listen(0, "127.0.0.1", async () => {
  const host = `http://127.0.0.1:${collector.address().port}`;
  const analytics = new Analytics({ writeKey: "key", host });
  for (let i = 0; i < 200; i++) analytics.track({ userId: "user", event: "clicked" });
  await analytics.closeAndFlush({ timeout: 10_000 });
  collector.close();
  collector.closeAllConnections();

  const bytes = ids.map((id) => Buffer.from(id.split("-").slice(3).join(""), "hex"));
  // Two bytes of each UUID hold the version and the variant: those are skipped on both sides.
  const fixed = [6, 8];
  const follows = (next, previous) =>
    [...Array(14).keys()].every(
      (k) => fixed.includes(k) || fixed.includes(k + 2) || next[k] === previous[k + 2],
    );
  const shifted = bytes.slice(1).filter((next, i) => follows(next, bytes[i])).length;
  console.log("@segment/analytics-node 3.1.0, Node", process.version);
  for (const id of ids.slice(0, 4)) console.log(`  ${id}`);
  console.log(`  events that repeat the bytes of the one before: ${shifted} of 199; guess: 0`);
  assert.equal(new Set(ids).size, 200);
  assert.ok(shifted >= 190, String(shifted));
});
JS
node ids.js
echo "Matters: the bytes of such an id are no independent sample. Hash the whole id first."
