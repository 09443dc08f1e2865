#!/usr/bin/env bash
# @duckdb/node-api: fromCache() keeps serving a file that another one has replaced.
#
# Guess: an instance of the cache is looked up by its path, and a file that was renamed over that path is opened anew
#   by the next fromCache(), at the latest once every connection is closed.
# Seen: @duckdb/node-api 1.5.6-r.1 returns the instance of the file that is gone for as long as somebody holds it,
#   also read only. create() opens the new file.
# Why it matters: a dashboard over a file that is published by a rename shows yesterday until it is started anew.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1 >/dev/null
cat >job.mjs <<'JS'
import { renameSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

async function write(path, day) {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  await connection.run(`create table published as select '${day}' as day`);
  connection.closeSync();
  instance.closeSync();
}
async function day(instance) {
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll("select day from published")).getRows();
  connection.closeSync();
  return rows[0][0];
}
const limits = { access_mode: "READ_ONLY" };
await write("file.duckdb", "monday");
const held = await DuckDBInstance.fromCache("file.duckdb", limits);
const before = await day(held);
await write("next.duckdb", "tuesday");
renameSync("next.duckdb", "file.duckdb");
const cached = await day(await DuckDBInstance.fromCache("file.duckdb", limits));
const created = await day(await DuckDBInstance.create("file.duckdb", limits));
console.log(`before ${before}, then fromCache ${cached} and create ${created}`);
JS
seen=$(node job.mjs)
echo "@duckdb/node-api 1.5.6-r.1: $seen"
echo "  guess: before monday, then fromCache tuesday and create tuesday"
[ "$seen" = "before monday, then fromCache monday and create tuesday" ]
echo "Matters: open a published file with create() for each question, or compare its inode."
