// A product that sends with CloudEvents' SDK: `cloudevents.js URL KEY [binary]`.
import { CloudEvent, emitterFor, Mode } from "cloudevents";

const [url, key, mode] = process.argv.slice(2);
async function sends({ headers, body }) {
  const sent = { method: "POST", headers: { ...headers, "X-Write-Key": key }, body };
  const answer = await fetch(`${url}/cloudevents`, sent);
  if (!answer.ok) console.log(await answer.text());
}
const emit = emitterFor(sends, { mode: mode === "binary" ? Mode.BINARY : Mode.STRUCTURED });
const steps = [...Array(50).keys()].map(
  (step) => new CloudEvent({ source: "/app", type: "step_done", userid: "u1", data: { step } }),
);
await Promise.all(steps.map((step) => emit(step)));
