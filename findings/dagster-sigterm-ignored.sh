#!/usr/bin/env bash
# Dagster gives SIGTERM the handler of SIGINT: where SIGINT is ignored, a process ignores SIGTERM too.
#
# A shell without job control ignores SIGINT for what it starts with an ampersand, as many start scripts do.
# Guess: SIGTERM still ends such a process, also after it has materialized an asset.
# Seen: dagster 1.13.27 leaves SIGTERM ignored after dg.materialize() if SIGINT was ignored at its start, and with
#   Python's handler of SIGINT otherwise. Before, SIGTERM had its default.
# Why it matters: a service manager's SIGTERM does nothing, and it kills the process after its patience.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check dagster==1.13.27
cat >"$folder/terminate.py" <<'PY'
import logging
import signal
import sys

import dagster as dg

logging.disable(logging.CRITICAL)
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
before = signal.getsignal(signal.SIGTERM)


@dg.asset
def thing() -> None:
    """Nothing."""


dg.materialize([thing])
after = signal.getsignal(signal.SIGTERM)
names = {signal.SIG_DFL: "default", signal.SIG_IGN: "ignored", signal.default_int_handler: "as SIGINT"}
print(names[before], "->", names[after])
PY
for sigint in heeded ignored; do
    seen=$("$folder/venv/bin/python" "$folder/terminate.py" "$sigint" 2>/dev/null)
    echo "dagster 1.13.27, SIGINT $sigint, SIGTERM before and after: $seen"
    case $sigint in
        heeded) [ "$seen" = "default -> as SIGINT" ] ;;
        ignored) [ "$seen" = "default -> ignored" ] ;;
    esac
done
echo "  guess: default -> default"
echo "Matters: give SIGTERM a handler again after Dagster has run, or start the process with SIGINT as it is by default."
