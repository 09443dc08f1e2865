"""A product that tracks with Mixpanel's Python SDK: `mixpanel_app.py URL KEY [buffered]`."""

import sys
import time

from mixpanel import BufferedConsumer, Consumer, Mixpanel

url, key = sys.argv[1:3]
urls = {
    "events_url": f"{url}/mixpanel/track",
    "people_url": f"{url}/mixpanel/engage",
    "groups_url": f"{url}/mixpanel/groups",
    "import_url": f"{url}/mixpanel/import",
}
consumer = BufferedConsumer(**urls) if "buffered" in sys.argv else Consumer(**urls)
client = Mixpanel(key, consumer=consumer)
client.people_set("u1", {"plan": "pro"})
client.group_set("company", "g1", {"name": "Acme"})
client.import_data(key, "u1", "step_done", int(time.time()) - 86400, {"step": 0})
for step in range(1, 50):
    client.track("u1", "step_done", {"step": step})
if "buffered" in sys.argv:
    consumer.flush()
