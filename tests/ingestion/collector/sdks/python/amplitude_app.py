"""A product that tracks with Amplitude's Python SDK: `amplitude_app.py URL KEY [batch]`."""

import sys

from amplitude import Amplitude, BaseEvent, Config, EventOptions, Identify

url, key = sys.argv[1:3]
path = "/amplitude/batch" if "batch" in sys.argv else "/2/httpapi"
heard = []
client = Amplitude(
    key,
    Config(
        server_url=url + path,
        flush_interval_millis=200,
        use_batch="batch" in sys.argv,
        callback=lambda event, code, message: heard.append(code),
    ),
)
client.identify(Identify().set("plan", "pro"), EventOptions(user_id="u1"))
client.set_group("company", "g1", EventOptions(user_id="u1"))
for step in range(50):
    client.track(
        BaseEvent("step_done", user_id="u1", device_id="anon-1", event_properties={"step": step})
    )
client.shutdown()
# It says nothing of events that it dropped, and calls back for those that it takes for delivered.
if heard != [200] * 52:
    print(heard)
