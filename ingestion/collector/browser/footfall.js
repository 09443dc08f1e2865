// Facts from a web page to a Footfall collector:
//   <script async src="https://collector.example/footfall.js" data-write-key="KEY"></script>
// Events are kept in localStorage until the collector has acknowledged them. docs/browser.md
// describes the attributes and calls. Nothing here ever throws into the page.
(function () {
  "use strict";

  var script = document.currentScript;
  var early = window.footfall; // calls pushed by the page before this loaded
  if (!script || (early && early.track)) return;

  var LIBRARY = { name: "footfall.js", version: "0.1.0" };
  var STORED = "footfall.";
  var EVENT = STORED + "event."; // + message id, which sorts by time
  var MAX_EVENTS = 1000; // held for a collector that is away; 5 MB is what localStorage has
  var MAX_EVENT_BYTES = 32 * 1024; // the collector's limit
  var MAX_BATCH_BYTES = 60 * 1024; // browsers hold 64 KiB for requests that outlive their page
  var MAX_BATCH_EVENTS = 100;
  var COMPANY_MS = 300; // how long an event waits for others
  var FIRST_RETRY_MS = 1000;
  var LAST_RETRY_MS = 60 * 1000;
  var LONGEST_WAIT_MS = 3600 * 1000; // whatever Retry-After says; timers end at 24 days
  var ORPHAN_MS = 10 * 1000; // an event this old belongs to a page that has gone
  var DROPS_EVENT = "footfall_events_dropped";

  var settings = script.dataset;
  var key = settings.writeKey || "";
  var host = (settings.host || new URL(script.src, location.href).origin).replace(/\/+$/, "");
  var respected = (settings.respect || "").split(/[\s,]+/);
  var isOff =
    !key ||
    (respected.indexOf("gpc") >= 0 && navigator.globalPrivacyControl === true) ||
    (respected.indexOf("dnt") >= 0 && (navigator.doNotTrack || window.doNotTrack) === "1");

  var page_id = uuid();
  var sequence = 0;
  var queue = {}; // message id → event as JSON text
  var counts = { enqueued: 0, sent: 0, refused: 0, dropped: {} };
  var unreported = {}; // reason → events dropped since the last report
  var timer = null;
  var is_sending = false;
  var failures = 0;
  var last_place = null;

  function warn(text) {
    if (window.console) console.warn("footfall: " + text);
  }

  // Ids ---------------------------------------------------------------------------------------

  function random_bytes(count) {
    var bytes = new Uint8Array(count);
    if (window.crypto && crypto.getRandomValues) return crypto.getRandomValues(bytes);
    return bytes.map(function () {
      return Math.random() * 256;
    });
  }

  // UUIDv7 (RFC 9562): the time in milliseconds first, so that ids sort by it.
  function uuid() {
    var bytes = random_bytes(16);
    var now = Date.now();
    for (var place = 5; place >= 0; place--, now = Math.floor(now / 256)) bytes[place] = now % 256;
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    var hex = Array.prototype.map.call(bytes, function (byte) {
      return (byte + 256).toString(16).slice(1);
    });
    return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function made_at(id) {
    return parseInt(id.replace("-", "").slice(0, 12), 16);
  }

  // Storage: localStorage, or memory where a browser forbids it or it is full -------------------

  var memory = {};

  function read(name) {
    if (name in memory) return memory[name];
    try {
      return localStorage.getItem(name);
    } catch (error) {
      return null;
    }
  }

  function write(name, text) {
    try {
      localStorage.setItem(name, text);
      delete memory[name];
    } catch (error) {
      memory[name] = text;
    }
  }

  function remove(name) {
    delete memory[name];
    try {
      localStorage.removeItem(name);
    } catch (error) {
      // what could not be stored need not be removed
    }
  }

  function anonymous_id() {
    var id = read(STORED + "anonymous_id");
    if (!id) write(STORED + "anonymous_id", (id = uuid()));
    return id;
  }

  // Takes over events of pages that went before they were acknowledged. Another tab may do the
  // same: an event that is sent twice counts once.
  function adopt() {
    var now = Date.now();
    try {
      for (var index = 0; index < localStorage.length; index++) {
        var name = localStorage.key(index);
        var id = name.slice(EVENT.length);
        if (Object.keys(queue).length >= MAX_EVENTS) break; // the rest when these are gone
        if (name.indexOf(EVENT) !== 0 || id in queue) continue;
        // A clock that was set back makes events of the future; they too are taken.
        if (Math.abs(now - made_at(id)) > ORPHAN_MS) queue[id] = localStorage.getItem(name);
      }
    } catch (error) {
      return;
    }
    send_soon(0);
  }

  // Events --------------------------------------------------------------------------------------

  function drop(reason, events) {
    counts.dropped[reason] = (counts.dropped[reason] || 0) + events;
    unreported[reason] = (unreported[reason] || 0) + events;
  }

  function bytes_of(text) {
    return new Blob([text]).size;
  }

  // U+FFFD for halves of characters and for NUL, which no JSON reader at the other end can hold.
  function on_the_wire(value) {
    return JSON.stringify(value).replace(
      /\\(?:u(?:d[89a-f][0-9a-f]{2}|0000)|.)/g,
      function (escape) {
        return escape.length > 2 ? "\\ufffd" : escape;
      }
    );
  }

  function put(type, fields) {
    if (isOff) return;
    counts.enqueued++;
    var id = uuid();
    var event = {
      type: type,
      messageId: id,
      anonymousId: anonymous_id(),
      timestamp: new Date().toISOString(),
    };
    var user = read(STORED + "user_id");
    if (user) event.userId = user;
    for (var name in fields) if (fields[name] !== undefined) event[name] = fields[name];
    event.context = {
      library: LIBRARY,
      footfall: { process: page_id, sequence: ++sequence },
      page: place(),
      userAgent: navigator.userAgent,
      // Brands, platform and whether it is mobile, where the browser has them.
      userAgentData: navigator.userAgentData,
      locale: navigator.language,
      screen: { width: screen.width, height: screen.height },
      timezone: zone(),
    };
    var text;
    try {
      text = on_the_wire(event);
    } catch (error) {
      drop("invalid", 1);
      return warn("an event cannot be written as JSON and is dropped: " + error.message);
    }
    if (bytes_of(text) > MAX_EVENT_BYTES) {
      drop("too_large", 1);
      return warn("an event exceeds " + MAX_EVENT_BYTES + " bytes and is dropped");
    }
    if (Object.keys(queue).length >= MAX_EVENTS) {
      drop("queue_full", 1);
      return warn("the collector has been away for long: an event is dropped");
    }
    queue[id] = text;
    write(EVENT + id, text);
    if (!failures) send_soon(COMPANY_MS);
  }

  function place() {
    return {
      url: location.href,
      path: location.pathname,
      search: location.search,
      title: document.title,
      referrer: last_place || document.referrer,
    };
  }

  function zone() {
    try {
      return Intl.DateTimeFormat().resolvedOptions().timeZone;
    } catch (error) {
      return undefined;
    }
  }

  // Sending -------------------------------------------------------------------------------------

  function send_soon(delay) {
    if (timer === null) timer = setTimeout(send, delay);
  }

  // The oldest events that one request holds.
  function next_batch(skip) {
    var ids = Object.keys(queue).sort().slice(skip);
    var size = 200; // the body around the events
    for (var count = 0; count < ids.length && count < MAX_BATCH_EVENTS; count++) {
      size += bytes_of(queue[ids[count]]) + 1;
      if (count && size > MAX_BATCH_BYTES) break;
    }
    return ids.slice(0, count);
  }

  function body_of(ids) {
    var events = ids.map(function (id) {
      return queue[id];
    });
    var head = { writeKey: key, sentAt: new Date().toISOString() };
    return JSON.stringify(head).slice(0, -1) + ',"batch":[' + events.join(",") + "]}";
  }

  function forget(ids) {
    ids.forEach(function (id) {
      delete queue[id];
      remove(EVENT + id);
    });
  }

  function send() {
    timer = null;
    var ids = next_batch(0);
    if (is_sending || isOff || !ids.length) return;
    is_sending = true;
    // As text/plain: a page of another origin may send it without asking first.
    fetch(host + "/v1/batch", {
      method: "POST",
      body: body_of(ids),
      headers: { "Content-Type": "text/plain" },
      credentials: "omit",
      keepalive: true,
    }).then(
      function (reply) {
        return reply.json().then(
          function (verdict) {
            answered(ids, reply, verdict);
          },
          function () {
            answered(ids, reply, {});
          }
        );
      },
      function () {
        again(null);
      }
    );
  }

  function answered(ids, reply, verdict) {
    if (reply.ok && verdict.success) {
      var refused = verdict.refused || [];
      refused.forEach(function (each) {
        warn("the collector refused an event (it is kept in quarantine): " + each.detail);
      });
      counts.sent += ids.length - refused.length;
      counts.refused += refused.length;
      forget(ids);
      report_drops();
    } else if (reply.status === 429 || reply.status === 408 || reply.status >= 500 || reply.ok) {
      // An answer of somebody in between, such as a page to log in, is no acknowledgement.
      return again(Number(reply.headers.get("Retry-After")) * 1000);
    } else {
      // To come again would change nothing.
      drop("http_" + reply.status, ids.length);
      warn(ids.length + " events are dropped: " + (verdict.message || reply.status));
      forget(ids);
    }
    is_sending = false;
    failures = 0;
    send_soon(0);
  }

  function again(wait) {
    is_sending = false;
    var most = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * Math.pow(2, failures++));
    send_soon(Math.max(Math.min(wait || 0, LONGEST_WAIT_MS), most * (0.5 + Math.random() / 2)));
  }

  function report_drops() {
    var reasons = Object.keys(unreported);
    if (!reasons.length) return;
    var dropped = unreported;
    unreported = {};
    put("track", { event: DROPS_EVENT, properties: { dropped: dropped } });
  }

  // The page goes away: what is not acknowledged is given to the browser to send, and kept, since
  // the browser does not say whether it arrived. Sent twice it counts once.
  function hand_over() {
    if (isOff || !navigator.sendBeacon) return;
    var url = host + "/beacon/v1/batch?writeKey=" + encodeURIComponent(key);
    for (var skip = 0, ids; (ids = next_batch(skip)).length; skip += ids.length)
      if (!navigator.sendBeacon(url, new Blob([body_of(ids)], { type: "text/plain" }))) return;
  }

  // Page views ----------------------------------------------------------------------------------

  // What tells two pages apart; a fragment does only where a router lives in it.
  function address() {
    var fragment = /^#[!/]/.test(location.hash) ? location.hash : "";
    return location.origin + location.pathname + location.search + fragment;
  }

  var seen = null;

  function page_seen() {
    var now = address();
    if (now === seen) return;
    last_place = seen;
    seen = now;
    page();
  }

  function watch_pages() {
    ["pushState", "replaceState"].forEach(function (name) {
      var original = history[name];
      history[name] = function () {
        var result = original.apply(this, arguments);
        setTimeout(page_seen, 0); // routers set the title afterwards
        return result;
      };
    });
    addEventListener("popstate", function () {
      setTimeout(page_seen, 0);
    });
    addEventListener("hashchange", page_seen);
    addEventListener("pageshow", function (event) {
      if (event.persisted) {
        seen = null; // back from the browser's memory: the page is seen again
        page_seen();
      }
    });
    page_seen();
  }

  // Web vitals (web.dev/vitals) ------------------------------------------------------------------

  // What a page's load was like for the visitor, told once, when the page is first left or hidden.
  function watch_vitals() {
    if (!window.PerformanceObserver || document.visibilityState === "hidden") return;
    var path = location.pathname;
    var vitals = {}; // lcp and inp in milliseconds, cls without a unit
    var delays = []; // of interactions, longest first
    var burst = null; // shifts of the layout that follow each other

    observe("largest-contentful-paint", function (entry) {
      var shown = performance.getEntriesByType("navigation")[0];
      vitals.lcp = Math.max(0, Math.round(entry.startTime - ((shown && shown.activationStart) || 0)));
    });
    if (observe("layout-shift", shifted)) vitals.cls = 0;
    observe("event", interacted, { durationThreshold: 40 });
    observe("first-input", interacted);

    function shifted(entry) {
      if (entry.hadRecentInput) return;
      var goes_on =
        burst && entry.startTime - burst.last < 1000 && entry.startTime - burst.first < 5000;
      if (!goes_on) burst = { first: entry.startTime, sum: 0 };
      burst.last = entry.startTime;
      burst.sum += entry.value;
      vitals.cls = Math.max(vitals.cls, Math.round(burst.sum * 1e4) / 1e4);
    }

    function interacted(entry) {
      if (!entry.interactionId && entry.entryType === "event") return;
      var same = delays.filter(function (each) {
        return each.id === entry.interactionId;
      })[0];
      if (same) same.duration = Math.max(same.duration, entry.duration);
      else delays.push({ id: entry.interactionId, duration: entry.duration });
      delays.sort(function (one, other) {
        return other.duration - one.duration;
      });
      // One of fifty interactions may be slower.
      var ignored = Math.floor((performance.interactionCount || delays.length) / 50);
      vitals.inp = Math.round(delays[Math.min(ignored, delays.length - 1)].duration);
    }

    var is_told = false;
    document.addEventListener(
      "visibilitychange",
      guarded(function () {
        if (is_told || document.visibilityState !== "hidden") return;
        is_told = true;
        if (vitals.lcp !== undefined || vitals.inp !== undefined || vitals.cls)
          track("web_vitals", Object.assign({ path: path }, vitals));
      })
    );
  }

  // Whether the browser measures this.
  function observe(type, look, options) {
    var measured = (PerformanceObserver.supportedEntryTypes || []).indexOf(type) >= 0;
    if (measured)
      new PerformanceObserver(
        guarded(function (list) {
          list.getEntries().forEach(look);
        })
      ).observe(Object.assign({ type: type, buffered: true }, options));
    return measured;
  }

  // Calls ---------------------------------------------------------------------------------------

  function track(action, value, extra) {
    if (typeof action !== "string" || !action.trim()) {
      counts.enqueued++;
      drop("invalid", 1);
      return warn("track needs the name of an action");
    }
    var is_bag = value !== null && typeof value === "object" && extra === undefined;
    var properties = Object.assign({}, is_bag ? value : extra);
    if (!is_bag && value !== undefined && value !== null) properties.value = value;
    put("track", { event: action, properties: properties });
  }

  function page(name, properties) {
    var about = Object.assign({}, place(), properties);
    about.name = name || document.title;
    put("page", { properties: about });
  }

  function identify(user, traits) {
    var id = typeof user === "number" ? String(user) : user;
    if (typeof id !== "string" || !id.trim()) {
      counts.enqueued++;
      drop("invalid", 1);
      return warn("identify needs a user id");
    }
    if (!isOff) write(STORED + "user_id", id);
    put("identify", { traits: Object.assign({}, traits) });
  }

  function reset() {
    remove(STORED + "user_id");
    remove(STORED + "anonymous_id");
  }

  function stats() {
    var copy = JSON.parse(JSON.stringify(counts));
    copy.pending = Object.keys(queue).length;
    return copy;
  }

  // A browser may prerender a page that nobody has asked for. What it does then counts as done when
  // the page is shown, and never if it is not.
  function when_shown(call) {
    return function () {
      var given = arguments;
      if (!document.prerendering) return call.apply(null, given);
      document.addEventListener(
        "prerenderingchange",
        guarded(function () {
          call.apply(null, given);
        }),
        { once: true }
      );
    };
  }

  function guarded(call) {
    return function () {
      try {
        return call.apply(null, arguments);
      } catch (error) {
        warn(String(error));
      }
    };
  }

  var calls = {
    track: when_shown(track),
    page: when_shown(page),
    identify: when_shown(identify),
    reset: when_shown(reset),
    flush: function () {
      clearTimeout(timer);
      send();
    },
    stats: stats,
    anonymousId: function () {
      return isOff ? null : anonymous_id();
    },
  };
  var footfall = { isOff: isOff };
  for (var name in calls) footfall[name] = guarded(calls[name]);
  footfall.push = function (call) {
    var known = call && calls.hasOwnProperty(call[0]);
    if (known) footfall[call[0]].apply(null, Array.prototype.slice.call(call, 1));
    else warn("there is no call " + (call && call[0]));
  };
  window.footfall = footfall;

  if (!key) warn("the script tag needs data-write-key");
  if (!isOff) when_shown(start)();
  if (Array.isArray(early)) early.forEach(footfall.push);

  function start() {
    // Before the calls the page has pushed: it was seen first.
    if (settings.pageViews !== "off") guarded(watch_pages)();
    if (settings.webVitals === "on") guarded(watch_vitals)();
    addEventListener("pagehide", guarded(hand_over));
    document.addEventListener("visibilitychange", function () {
      if (document.visibilityState === "hidden") footfall.flush();
    });
    addEventListener("online", function () {
      failures = 0;
      footfall.flush();
    });
    guarded(adopt)();
    setInterval(guarded(adopt), ORPHAN_MS);
  }
})();
