"""A product that tracks with PostHog's Python SDK: `posthog_app.py URL KEY [gzip] [v1]`."""

import sys

from posthog import Posthog

url, key = sys.argv[1:3]
options = {"capture_mode": "v1"} if "v1" in sys.argv else {}
client = Posthog(key, host=url, gzip="gzip" in sys.argv, on_error=print, **options)
client.set(distinct_id="u1", properties={"plan": "pro"})
client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://a.example/p"})
client.group_identify("company", "g1", {"name": "Acme"})
client.alias("anon-1", "u1")
for step in range(50):
    client.capture("step_done", distinct_id="u1", properties={"step": step})
client.shutdown()
