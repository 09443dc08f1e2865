// A product that tracks with Jitsu's SDK on a server: `jitsu.js URL KEY`.
import { jitsuAnalytics } from "@jitsu/js";

const [url, writeKey] = process.argv.slice(2);
const client = jitsuAnalytics({ host: url, writeKey, s2s: true, fetch });
await client.identify("u1", { plan: "pro" });
for (let step = 0; step < 50; step++) await client.track("step_done", { step });
