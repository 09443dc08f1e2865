#!/usr/bin/env bash
# ua-parser's two engines read one user agent as a Mac and as a spider.
#
# The library takes its native engine if it is installed, and else reads the same list of rules in pure Python. So
# the result of a page's log seems to depend on the version of the rules alone.
# Guess: both engines give the same device, because both apply the rules of ua-parser-builtins in order.
# Seen: with ua-parser 1.0.2, ua-parser-rs 0.1.5 and rules 202610, a checker of web sites that calls itself by a
#   word behind the browser's agent (Silktide) is a Mac for the Python engine and a Spider for the native one.
#   The extra that installs the native engine is called `regex`.
# Why it matters: a machine without a wheel for the native engine counts other visitors as people, and nothing
#   says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check \
    'ua-parser[regex]==1.0.2' 'ua-parser-rs==0.1.5' 'ua-parser-builtins==202610'
"$folder/venv/bin/python" - <<'PY'
from ua_parser import Parser, basic, regex
from ua_parser.loaders import load_builtins

AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
rules = load_builtins()
engines = {"Python": Parser(basic.Resolver(rules)), "native": Parser(regex.Resolver(rules))}
for agent in (AGENT, f"{AGENT} Silktide"):
    families = {name: parser.parse_device(agent).family for name, parser in engines.items()}
    print(f"  …{agent[-24:]}: {families}")
print("  guess: both the same for both agents")
assert families == {"Python": "Mac", "native": "Spider"}, families
PY
echo "Matters: name the engine you use, pin it, and treat a change of it as a change of the rules."
