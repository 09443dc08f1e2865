"""A product that tracks with Segment's Python SDK: `segment_app.py URL KEY [gzip]`."""

import sys

from segment.analytics import Client

url, key = sys.argv[1:3]
client = Client(key, host=url, gzip="gzip" in sys.argv, on_error=print)
client.identify("u1", {"plan": "pro"})
client.page("u1", name="Pricing")
client.group("u1", "g1", {"name": "Acme"})
client.alias("anon-1", "u1")
for step in range(50):
    client.track("u1", "step_done", {"step": step}, anonymous_id="anon-1")
client.shutdown()
