#!/usr/bin/env bash
# The reader of URLs that follows the browsers' standard refuses a query that browsers read.
#
# Old shops and mail programs write campaign names in Latin-1: utm_source=caf%E9. ada-url wraps the parser that
# Node.js uses, and is the library to choose for reading addresses as browsers do.
# Guess: URLSearchParams gives what a browser gives, `caf` and the replacement character U+FFFD.
# Seen: with ada-url 4.0.0, get() and items() raise UnicodeDecodeError, also while they go through the other
#   parameters. get() of another parameter works. Python's own parse_qs gives what browsers give.
# Why it matters: one link of that kind stops a job that reads the addresses of all visits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check 'ada-url==4.0.0'
"$folder/venv/bin/python" - <<'PY'
from urllib.parse import parse_qs

from ada_url import URLSearchParams

QUERY = "utm_source=caf%E9&utm_medium=mail"


def seen(read):
    try:
        return read()
    except UnicodeDecodeError as error:
        return type(error).__name__


parameters = URLSearchParams(QUERY)
source = seen(lambda: parameters.get("utm_source"))
medium = seen(lambda: parameters.get("utm_medium"))
everything = seen(lambda: list(parameters.items()))
standard = parse_qs(QUERY)["utm_source"][0]
print(f"ada-url 4.0.0, {QUERY}")
print(f"  utm_source: {source}; utm_medium: {medium}; all: {everything}; guess: {standard!a}, as parse_qs has it")
assert (source, medium, everything) == ("UnicodeDecodeError", "mail", "UnicodeDecodeError")
assert standard == "caf\ufffd"
PY
echo "Matters: catch it where you read addresses of others, or read queries with parse_qs."
