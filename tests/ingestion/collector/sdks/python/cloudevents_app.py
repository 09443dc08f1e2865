"""A product that sends CloudEvents of their Python SDK: `cloudevents_app.py URL KEY [binary]`."""

import sys
from datetime import UTC, datetime
from urllib.request import Request, urlopen

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

url, key = sys.argv[1:3]
encode = to_binary_event if "binary" in sys.argv else to_structured_event
for step in range(50):
    attributes = {"id": str(step), "source": "/app", "type": "step_done", "specversion": "1.0"}
    attributes |= {"time": datetime.now(UTC), "userid": "u1"}
    message = encode(CloudEvent(attributes=attributes, data={"step": step}))
    headers = dict(message.headers) | {"X-Write-Key": key}
    urlopen(Request(f"{url}/cloudevents", message.body, headers), timeout=30).close()
