// A product that tracks with Snowplow's Node tracker: `snowplow.js URL KEY [get]`.
import { newTracker, buildPageView, buildSelfDescribingEvent } from "@snowplow/node-tracker";

const [url, appId, method = "post"] = process.argv.slice(2);
const tracker = newTracker(
  { namespace: "footfall", appId },
  { endpoint: url, eventMethod: method, bufferSize: 10, onRequestFailure: console.log },
);
tracker.setUserId("u1");
tracker.track(buildPageView({ pageUrl: "https://a.example/pricing", pageTitle: "Pricing" }));
for (let step = 0; step < 50; step++)
  tracker.track(
    buildSelfDescribingEvent({
      event: { schema: "iglu:com.acme/step_done/jsonschema/1-0-0", data: { step } },
    }),
  );
tracker.flush();
