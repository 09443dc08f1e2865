// A product that tracks with Matomo's Node tracker: `matomo.js URL KEY`.
import http from "node:http";
import MatomoTracker from "matomo-tracker";

// The tracker never reads the answers to single actions, so that no process of it ends.
const get = http.get;
http.get = (url, hears) => get(url, (answer) => hears(answer.resume()));

const [url, key] = process.argv.slice(2);
const client = new MatomoTracker(key, `${url}/matomo.php`);
client.on("error", console.log);
const page = { url: "https://a.example/pricing", uid: "u1", _id: "0123456789abcdef" };
const step = (number) => ({ ...page, e_c: "flow", e_a: "step_done", e_n: "step", e_v: number });
client.track({ ...page, action_name: "Pricing" });
client.track(step(0));
const rest = [...Array(49).keys()].map((number) => step(number + 1));
client.trackBulk(rest, (answer) => {
  if (JSON.parse(answer).tracked !== rest.length) console.log(answer);
});
