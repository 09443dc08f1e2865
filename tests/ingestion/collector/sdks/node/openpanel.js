// A product that tracks with OpenPanel's SDK: `openpanel.js URL KEY`.
import { OpenPanel } from "@openpanel/sdk";

const [url, key] = process.argv.slice(2);
const client = new OpenPanel({ apiUrl: url, clientId: key, clientSecret: "sec_not_a_key" });
const sent = [client.identify({ profileId: "u1", firstName: "Ada", properties: { plan: "pro" } })];
sent.push(client.upsertGroup({ id: "g1", type: "company", name: "Acme", properties: {} }));
for (let step = 0; step < 50; step++) sent.push(client.track("step_done", { step }));
for (const answer of await Promise.all(sent)) if (!answer) console.log("not delivered");
