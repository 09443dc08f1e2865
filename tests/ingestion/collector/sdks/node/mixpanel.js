// A product that tracks with Mixpanel's Node SDK: `mixpanel.js URL KEY [verbose]`.
import { promisify } from "node:util";
import Mixpanel from "mixpanel";

const [url, key, verbose] = process.argv.slice(2);
const { hostname: host, port } = new URL(url);
const client = Mixpanel.init(key, {
  host, port, protocol: "http", path: "/mixpanel", key, verbose: verbose === "verbose",
});
const hears = (call, ...told) => promisify(call)(...told);
await hears((done) => client.people.set("u1", { plan: "pro" }, done));
await hears((done) => client.groups.set("company", "g1", { name: "Acme" }, done));
await hears((done) => client.alias("u1", "anon-1", done));
await hears((done) => client.import("step_done", new Date(Date.now() - 86400000), { distinct_id: "u1", step: 0 }, done));
await hears((done) => client.track("step_done", { distinct_id: "u1", step: 1 }, done));
const rest = [...Array(48).keys()].map((step) => ({
  event: "step_done", properties: { distinct_id: "u1", step: step + 2 },
}));
await hears((done) => client.track_batch(rest, done));
