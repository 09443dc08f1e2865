#!/usr/bin/env bash
# cloudevents (Python): an event with JSON data in binary mode is sent without a Content-Type.
#
# Guess: to_binary_event() encodes a dict as JSON and says so, as the JavaScript SDK does.
# Seen: cloudevents 2.2.0 writes JSON into the body and no content-type into the headers, unless the event has
#   datacontenttype. An event in structured mode has one.
# Why it matters: a receiver that chooses by the content type does not know that the body is JSON, and may answer 415.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --no-compile --disable-pip-version-check cloudevents==2.2.0
cat >"$folder/encode.py" <<'PY'
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

about = {"id": "1", "source": "/app", "type": "step_done", "specversion": "1.0"}
event = CloudEvent(about, {"step": 1})
typed = CloudEvent(about | {"datacontenttype": "application/json"}, {"step": 1})
for name, message in (
    ("binary", to_binary_event(event)),
    ("binary, with datacontenttype", to_binary_event(typed)),
    ("structured", to_structured_event(event)),
):
    types = [value for key, value in message.headers.items() if key.lower() == "content-type"]
    print(f"{name}: {types[0] if types else 'none'}")
PY
seen=$("$folder/venv/bin/python" "$folder/encode.py")
echo "cloudevents 2.2.0, Content-Type:"
echo "$seen"
echo "  guess: application/json in binary mode"
[ "$(head -1 <<<"$seen")" = "binary: none" ]
grep -q "^binary, with datacontenttype: application/json" <<<"$seen"
grep -q "^structured: application/cloudevents+json" <<<"$seen"
echo "Matters: set datacontenttype, and in a receiver take JSON for JSON without a Content-Type."
