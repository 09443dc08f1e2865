// A page that tracks with Plausible's script from npm: `plausible.js URL KEY`.
// It knows browsers only, so this is the little of one that it touches.
const [url, key] = process.argv.slice(2);
globalThis.location = { hostname: "a.example", href: "https://a.example/pricing", protocol: "https:" };
globalThis.document = { referrer: "https://search.example/" };
globalThis.window = { innerWidth: 1280, localStorage: {} };
globalThis.XMLHttpRequest = class {
  headers = {};
  open(method, address) { Object.assign(this, { method, address }); }
  setRequestHeader(name, value) { this.headers[name] = value; }
  async send(body) {
    const answer = await fetch(this.address, { method: this.method, headers: this.headers, body });
    if (!answer.ok) console.log(await answer.text());
    this.readyState = 4;
    this.onreadystatechange();
  }
};
const { default: Plausible } = await import("plausible-tracker");
const { trackEvent, trackPageview } = (Plausible.default ?? Plausible)({ domain: key, apiHost: url });
await new Promise((callback) => trackPageview({}, { callback }));
await Promise.all([...Array(50).keys()].map((step) => new Promise((callback) => trackEvent("step_done", { props: { step }, callback }))));
