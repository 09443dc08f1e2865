"""A product that tracks with Snowplow's Python tracker: `snowplow_app.py URL KEY [get]`."""

import sys
from urllib.parse import urlsplit

from snowplow_tracker import (
    Emitter,
    PageView,
    SelfDescribing,
    SelfDescribingJson,
    Subject,
    Tracker,
)

url, key = sys.argv[1:3]
emitter = Emitter(
    urlsplit(url).netloc,
    protocol="http",
    method="get" if "get" in sys.argv else "post",
    batch_size=10,
    on_failure=print,
)
subject = Subject().set_user_id("u1")
tracker = Tracker("footfall", emitters=emitter, subject=subject, app_id=key)
tracker.track(PageView(page_url="https://a.example/pricing", page_title="Pricing"))
for step in range(50):
    schema = "iglu:com.acme/step_done/jsonschema/1-0-0"
    tracker.track(SelfDescribing(SelfDescribingJson(schema, {"step": step})))
tracker.flush()
