// A product that tracks with Segment's Node SDK: `segment.js URL KEY`.
import { Analytics } from "@segment/analytics-node";

const [url, writeKey] = process.argv.slice(2);
const client = new Analytics({ writeKey, host: url });
client.on("error", console.log);
client.identify({ userId: "u1", traits: { plan: "pro" } });
client.page({ userId: "u1", name: "Pricing" });
client.group({ userId: "u1", groupId: "g1", traits: { name: "Acme" } });
client.alias({ userId: "u1", previousId: "anon-1" });
for (let step = 0; step < 50; step++)
  client.track({ userId: "u1", anonymousId: "anon-1", event: "step_done", properties: { step } });
await client.closeAndFlush();
