// A product that tracks with Umami's Node SDK: `umami.js URL KEY`.
import { Umami } from "@umami/node";

const [url, key] = process.argv.slice(2);
const client = new Umami({ websiteId: key, hostUrl: url });
const page = { hostname: "a.example", language: "en-GB", referrer: "", screen: "1280x800", title: "Pricing", url: "/pricing" };
const sent = [client.track({ ...page }), client.identify({ plan: "pro" })];
for (let step = 0; step < 50; step++)
  sent.push(client.track({ ...page, name: "step_done", id: "u1", data: { step } }));
for (const answer of await Promise.all(sent)) if (!answer.ok) console.log(await answer.text());
