// A product that tracks with Amplitude's Node SDK: `amplitude.js URL KEY`.
import * as amplitude from "@amplitude/analytics-node";

const [url, key] = process.argv.slice(2);
const client = amplitude.createInstance();
const options = { serverUrl: `${url}/2/httpapi`, flushIntervalMillis: 200 };
await client.init(key, { ...options, logLevel: amplitude.Types.LogLevel.Warn }).promise;
const heard = [];
const hears = (sent) => heard.push(sent.promise);
hears(client.identify(new amplitude.Identify().set("plan", "pro"), { user_id: "u1" }));
hears(client.setGroup("company", "g1", { user_id: "u1" }));
for (let step = 0; step < 50; step++)
  hears(client.track("step_done", { step }, { user_id: "u1", device_id: "anon-1" }));
await client.flush().promise;
for (const { code, message } of await Promise.all(heard)) if (code !== 200) console.log(code, message);
