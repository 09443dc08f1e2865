// A product that tracks with PostHog's Node SDK: `posthog.js URL KEY`.
import { PostHog } from "posthog-node";

const [url, key] = process.argv.slice(2);
const client = new PostHog(key, { host: url });
client.on("error", console.log);
client.identify({ distinctId: "u1", properties: { plan: "pro" } });
client.capture({ distinctId: "u1", event: "$pageview", properties: { $current_url: "https://a.example/p" } });
client.groupIdentify({ groupType: "company", groupKey: "g1", properties: { name: "Acme" } });
client.alias({ distinctId: "anon-1", alias: "u1" });
for (let step = 0; step < 50; step++)
  client.capture({ distinctId: "u1", event: "step_done", properties: { step } });
await client.shutdown();
