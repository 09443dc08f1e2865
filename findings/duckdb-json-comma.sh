#!/usr/bin/env bash
# DuckDB calls text JSON that no other parser takes, and writes such text itself.
#
# Guess: json_valid() and ::json hold to RFC 8259, as in PostgreSQL and JavaScript.
# Seen: both take a comma after the last element, NaN and Infinity, and a column of type JSON keeps that text
#   as it came. json_object('rate', 0.0 / 0) writes {"rate":NaN}. json() removes the comma but not the NaN.
#   Yet comments, single quotes and hexadecimal numbers are refused.
# Why it matters: json_valid is the gate of many loaders. What has passed it breaks the browser, the Node
#   service or the Rust job that reads the export, on one row in a million.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'msgspec==0.22.0' 'orjson==3.13.0'
for version in 1.5.6 2.0.1; do
    "$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check --no-deps \
        --target "$folder/$version" "duckdb==$version"
    PYTHONPATH="$folder/$version" "$folder/venv/bin/python" - <<'PY'
import json

import duckdb
import msgspec
import orjson


def takes(parse, text):
    try:
        parse(text)
    except ValueError:
        return False
    return True


def in_duckdb(text):
    return duckdb.execute("select json_valid($1) and try_cast($1 as json) = $1", [text]).fetchone()[0]


parsers = {"json": json.loads, "orjson": orjson.loads, "msgspec": msgspec.json.decode}
seen = {}
print(f"duckdb {duckdb.__version__}, orjson {orjson.__version__}, msgspec {msgspec.__version__}")
for text in ['{"a": 1}', '{"a": 1,}', "[1, 2,]", '{"a": NaN}', '{"a": Infinity}', "{'a': 1}"]:
    seen[text] = (in_duckdb(text), *(takes(parse, text) for parse in parsers.values()))
    print(f"  {text:16} DuckDB {seen[text][0]!s:5}  {dict(zip(parsers, seen[text][1:], strict=True))}")
(written,) = duckdb.execute("select json_object('rate', 0.0 / 0)").fetchone()
print(f"  json_object('rate', 0.0 / 0) is {written}; guess: null or an error")
for text in ['{"a": 1,}', "[1, 2,]"]:
    assert seen[text] == (True, False, False, False), seen[text]
# Python's own parser takes NaN too, which hides the second kind from tests in Python.
for text in ['{"a": NaN}', '{"a": Infinity}']:
    assert seen[text] == (True, True, False, False), seen[text]
assert seen['{"a": 1}'] == (True,) * 4 and seen["{'a': 1}"] == (False,) * 4
assert written == '{"rate":NaN}', written
PY
done
echo "Matters: check JSON with a strict parser at the door; DuckDB's word is not enough."
