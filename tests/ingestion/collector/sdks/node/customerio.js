// A product that tracks with Customer.io's Node SDK: `customerio.js URL KEY`.
import { Analytics } from "@customerio/cdp-analytics-node";

const [url, writeKey] = process.argv.slice(2);
const client = new Analytics({ writeKey, host: url });
client.on("error", console.log);
client.identify({ userId: "u1", traits: { plan: "pro" } });
for (let step = 0; step < 50; step++) client.track({ userId: "u1", event: "step_done", properties: { step } });
await client.closeAndFlush();
