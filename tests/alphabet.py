"""The small alphabet histories are written in: every letter sits on an edge of a definition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

INSTANT: Final = timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

#: The Friday before Berlin's clocks go forward; 23:00 and, from Sunday on, 22:00 are its midnight.
BASE: Final = datetime(2026, 3, 27)
DAYS: Final = (
    *(0 * DAY, 0 * DAY, 0 * DAY, 1 * DAY, 2 * DAY, 7 * DAY, 8 * DAY, 31 * DAY, 60 * DAY),
    # A year of silence after the first days, a day more, and three weeks more.
    *(366 * DAY, 367 * DAY, 388 * DAY),
)
#: When each load began: what a line of it claims to have received later was there by then.
LOADS_BEGAN: Final = tuple(BASE + days * DAY for days in (32, 100, 367, 1000))
TIMES: Final = (
    0 * HOUR,
    10 * MINUTE,
    30 * MINUTE,
    30 * MINUTE + INSTANT,
    22 * HOUR,
    23 * HOUR,
    24 * HOUR - INSTANT,
)
GAPS: Final = (
    0 * MINUTE,
    0 * MINUTE,
    10 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    30 * MINUTE + INSTANT,
    30 * MINUTE - INSTANT,
    1 * HOUR,
    1 * HOUR + INSTANT,
    24 * HOUR,
)
DELAYS: Final = (0 * SECOND,) * 8 + (2 * SECOND, 2 * HOUR, 40 * DAY)

SOURCES: Final = ("web", "web", "app")
# "x" is both: nothing keeps a product from naming a user like a device.
USERS: Final = ("u1", "u1", "u2", "U3", "x", "guest")
DEVICES: Final = ("d1", "d1", "d1", "d2", "d3", "x", "undefined")
#: Other ways of naming nobody, in every position where an id may stand.
PLACEHOLDERS: Final = ("NULL", ' "None" ', "\t", "00000000-0000-0000-0000-000000000000")
TYPES: Final = ("track",) * 6 + ("page", "page", "screen", "identify", "group", "alias")
# The last is passive, by the seed that the project ships.
ACTIONS: Final = ("sign_up", "invite_sent", "purchase", "Email Delivered")
PLANS: Final = ("annual", "1", 1, True, 2.5, "1.00", None, ["annual"])
ENGINE: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
#: What a context says of the device: by a user agent, by client hints, and in an app's words.
AGENTS: Final[tuple[dict[str, object], ...]] = (
    {},
    {},
    {},
    {},
    {"userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
    {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
    {"userAgent": f"{ENGINE}; compatible; ChatGPT-User/1.0; +https://openai.com/bot"},
    {"userAgent": "curl/8.5.0"},
    {
        "userAgent": f"{ENGINE} Chrome/140.0.0.0 Safari/537.36",
        "userAgentData": {
            "platform": "macOS",
            "mobile": False,
            "brands": [{"brand": "Not=A?Brand"}, {"brand": "Chromium"}, {"brand": "Brave"}],
        },
    },
    {
        "userAgent": f"{ENGINE} Chrome/140.0.0.0 Safari/537.36",
        "userAgentData": {"platform": "Android", "mobile": False},
    },
    {
        "device": {"type": "ios", "model": "iPhone14,2"},
        "os": {"name": "iPhone OS"},
        "app": {"version": "2.1"},
    },
    {
        "userAgent": "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)",
        "os": {"name": "Android"},
        "app": {"version": "2.0"},
    },
    {"userAgent": "Mozilla/5.0 (Linux; Android 9; AFTDCT31) AppleWebKit/537.36"},
)

#: Pages' addresses: a code that is no UTF-8 beside HTML's ampersand, a campaign behind a route, and
#: one that is another address's.
ADDRESSES: Final = (
    "https://a.example/?utm_source=caf%E9&amp;utm_medium=e+mail",
    "https://a.example/#/p?UTM_Campaign=spring%20sale%00&x=1",
    "https://a.example/?to=https://b.example/?utm_source=no&utm_medium=",
    "https://a.example/?gclid=&FBCLID=1&gclid=2",
    "https://a.example/?utm_source=Google&utm_medium=CPC&utm_term=red+shoes&utm_content=1",
    "https://a.example/?utm_source=news&utm_medium=e-mail&utm_campaign=Shopping",
    "https://a.example/?utm_content=blue&msclkid=3",
    "https://a.example/?utm_source=chatgpt.com",
    "https://a.example/?li%5Ffat_id=4#utm_medium=retargeting",
)

#: Where pages were come to from: elsewhere, nowhere, the site itself, a payment, and hosts of all
#: kinds.
REFERRERS: Final = (
    "https://news.example/",
    "",
    "https://WWW.a.example:8443/p?utm_source=no",
    "https://www.paypal.com/pay",
    "https://www.bbc.co.uk./news",
    "https://a.b.github.io/",
    "http://192.168.1.5/",
    "http://localhost:3000/",
    "http://x.y.z.kawasaki.jp",
    "https://city.kawasaki.jp/",
    "android-app://com.google.android.gm/",
    "no address..",
    "https://www.google.co.uk/",
    "https://mail.google.com/",
    "https://chatgpt.com/",
    "https://out.reddit.com/t3",
    "https://smile.amazon.de/",
    "https://m.youtube.com/watch",
)

#: What devices say of themselves, and what the collector knew of their address.
SURROUNDINGS: Final[tuple[tuple[str | None, str | None, float | None, str | None], ...]] = (
    ("Europe/Vienna", "de-AT", 1440, None),
    ("Asia/Calcutta", "EN_in.UTF-8", 375, None),
    ("America/New_York", "zh-Hant-TW", 991.5, "CA"),
    ("UTC", "C", 0, None),
    ("nowhere", "", 1439, "AT"),
    (None, None, None, None),
)

#: (occurred, received) → (original_timestamp, sent_at), such that it did occur then, where it can.
Clock = Callable[[datetime, datetime], tuple[datetime | None, datetime | None]]
CLOCKS: Final[tuple[Clock, ...]] = (
    lambda occurred, received: (occurred, None),
    lambda occurred, received: (occurred, received),
    lambda occurred, received: (None, None),
    lambda occurred, received: (None, received - 3 * HOUR),
    # Just good enough, on both sides, and with a fraction of a millisecond.
    lambda occurred, received: (occurred, received - 2 * SECOND),
    lambda occurred, received: (occurred, received + 2 * SECOND),
    lambda occurred, received: (occurred, received - 1500 * INSTANT),
    lambda occurred, received: (occurred, received + 1500 * INSTANT),
    # Wrong by just too much, and by a lot.
    lambda occurred, received: (
        occurred - 2 * SECOND - INSTANT,
        received - 2 * SECOND - INSTANT,
    ),
    lambda occurred, received: (
        occurred + 2 * SECOND + INSTANT,
        received + 2 * SECOND + INSTANT,
    ),
    lambda occurred, received: (occurred - 400 * DAY, received - 400 * DAY),
    lambda occurred, received: (occurred + 3 * HOUR, received + 3 * HOUR),
    # From the future: by the collector's clock, and by the client's own.
    lambda occurred, received: (received + 3 * HOUR, None),
    lambda occurred, received: (received + INSTANT, received),
    lambda occurred, received: (received - HOUR + INSTANT, received - HOUR),
    # As old as a live event may be by either clock, and older; a clock that was never set; and
    # two of which nobody can make a time.
    lambda occurred, received: (received - 366 * DAY, received),
    lambda occurred, received: (received - 366 * DAY - INSTANT, None),
    lambda occurred, received: (received - 373 * DAY, received - 7 * DAY),
    lambda occurred, received: (received - 373 * DAY, received - 7 * DAY + INSTANT),
    lambda occurred, received: (datetime(1970, 1, 1), received),
    lambda occurred, received: (datetime(1970, 1, 1), datetime(9998, 12, 31)),
)

#: Rows for seeds/funnel_steps.csv that these histories can fill.
FUNNELS: Final = tuple(
    {
        "funnel_name": funnel_name,
        "step_number": str(number),
        "step_name": f"{funnel_name}_{number}",
        "event_name": event_name,
        "property_name": "plan" if plan else "",
        "property_value": plan,
        "window_hours": window_hours,
    }
    for funnel_name, window_hours, steps in (
        ("onboarding", "24", [("sign_up", ""), ("invite_sent", ""), ("purchase", "")]),
        ("habit", "1", [("sign_up", ""), ("sign_up", ""), ("sign_up", "")]),
        ("overlap", "1", [("sign_up|page_view", ""), ("page_view|purchase", "")]),
        ("downwards", "720", [("purchase|sign_up", ""), ("sign_up|identify", "")]),
        ("annual", "168", [("sign_up|purchase", "annual"), ("page_view|sign_up", "1")]),
        ("yes", "168", [("sign_up|invite_sent|purchase", "true"), ("purchase|page_view", "")]),
        # Both ends reach as far, so that at one moment only the event_id decides.
        ("ends", "24", [("sign_up|purchase", ""), ("purchase", ""), ("purchase|sign_up", "")]),
        ("single", "1", [("purchase", "2.5")]),
        # A condition of one alternative, inside of another property; a number written otherwise.
        ("inside", "90m", [("sign_up[cart.plan=1.0]|purchase", ""), ("page_view", "")]),
        # Two conditions of which the first is met by events that have no plan.
        (
            "several",
            "168",
            [("sign_up[plan!=annual,cart.plan!=2.5]|purchase[plan]", ""), ("*", "")],
        ),
        # Any event, as a number and as a text.
        ("ordered", "24", [("*[plan>1]", ""), ("*[plan in (1,annual,true)]|identify", "")]),
        ("bounded", "168", [("*[plan>=1,plan<2.5]", ""), ("purchase[plan<=a]", "")]),
    )
    for number, (event_name, plan) in enumerate(steps, start=1)
)

#: Questions for conversion_questions.yml that these histories can fill: a long trial with a short
#: horizon, and a short one that may end early, with a horizon that reaches beyond it.
QUESTIONS: Final = (
    {
        "name": "buys",
        "description": "Who signs up and buys?",
        "start": "sign_up",
        "conversion": "purchase",
        "trial_days": 9,
        "ages": {"from": 1, "to": 8},
        "horizon_days": 1,
        "features": [
            {"name": "invites", "event": "invite_sent"},
            # The second is one of the first: an event that both mean is one use.
            {
                "name": "views",
                "event": [
                    "page_view",
                    {"event": "page_view", "property": "plan", "value": "annual"},
                ],
            },
            {
                "name": "annual",
                "event": {"event": "invite_sent", "property": "plan", "value": "annual"},
            },
        ],
    },
    {
        "name": "invites",
        "description": "Who looks around and invites?",
        "start": "page_view",
        "conversion": {"event": "invite_sent", "property": "plan", "value": True},
        "end": ["purchase", {"event": "sign_up", "property": "plan", "value": "annual"}],
        "trial_days": 3,
        "ages": {"from": 1, "to": 2},
        "horizon_days": 7,
        "features": [
            {"name": "signs", "event": "sign_up[plan!=annual,plan!=1]"},
            {"name": "pays", "event": ["purchase[plan>=1]|page_view[plan in (2.5,annual),plan<a]"]},
            {"name": "is_there", "event": "*[plan!=true]"},
            {"name": "is_told", "event": "identify"},
        ],
    },
    # The start once more, and what must not happen: shorter and longer than the trial.
    {
        "name": "again",
        "description": "Who looks around once more?",
        "start": "page_view",
        "conversion": "page_view",
        "end": "purchase",
        "trial_days": 8,
        "ages": {"from": 1, "to": 7},
        "horizon_days": 1,
        "features": [{"name": "signs", "event": "sign_up"}],
    },
    *(
        {
            "name": f"stays_{days}",
            "description": f"Who does not buy for {days} days?",
            "start": "sign_up",
            "conversion": {"without": "purchase|invite_sent[plan=annual]", "within_days": days},
            "end": "identify",
            "trial_days": 7,
            "ages": {"from": 1, "to": 6},
            "horizon_days": 2,
            "features": [{"name": "views", "event": "page_view"}],
        }
        for days in (2, 8)
    ),
    # Of accounts: what any member does.
    *(
        {
            "name": f"account_{name}",
            "description": f"Which account does {conversion}?",
            "actor": "account",
            "start": start,
            "conversion": conversion,
            "end": end,
            "trial_days": 8,
            "ages": {"from": 1, "to": 7},
            "horizon_days": 2,
            "features": [
                {"name": "invites", "event": "invite_sent"},
                {"name": "is_there", "event": "*"},
            ],
        }
        for name, start, conversion, end in (
            ("buys", "sign_up|page_view", "purchase", "identify"),
            ("again", "group", "group", "purchase"),
        )
    ),
    # Ages that are shorter than a day: half-hours are pauses, too.
    *(
        {
            "name": f"soon_in_{unit}",
            "description": f"Who buys soon, by {unit}?",
            "start": "sign_up",
            "conversion": "purchase",
            "trial_days": 1,
            "ages": {"from": first, "to": last, "unit": unit},
            "horizon_days": 1,
            "features": [{"name": "views", "event": "page_view"}],
        }
        for unit, first, last in (("hours", 1, 3), ("minutes", 29, 31))
    ),
)

#: Cohorts for cohorts.yml that these histories can fill: each kind of condition by itself, and
#: several that begin and end at the same moments.
COHORTS: Final = tuple(
    {"name": name, "description": f"Cohort {name}.", "conditions": conditions}
    for name, conditions in (
        ("often", [{"did": "sign_up|purchase", "at_least": 2, "within_days": 1}]),
        ("ever", [{"did": "page_view"}]),
        ("never", [{"did_not": "purchase[plan=annual]"}]),
        ("quiet", [{"did_not": "*", "within_days": 2}]),
        ("few", [{"did": "page_view", "at_most": 1, "within_days": 7}]),
        ("some", [{"did": "*[plan!=1]", "at_least": 2, "at_most": 3}]),
        ("early", [{"first_seen": {"until": "2026-03-28"}}]),
        ("later", [{"first_seen": {"since": "2026-03-28", "until": "2026-04-03"}}]),
        ("annual", [{"trait": "plan=annual"}]),
        ("unlike", [{"trait": "plan!=annual"}, {"did_not": "sign_up", "within_days": 1}]),
        ("listed", [{"trait": "plan in (1,3,true)"}, {"trait": "a"}]),
        (
            "nested",
            [{"member_of": "early"}, {"member_of": "quiet"}, {"did_not": "*", "within_days": 2}],
        ),
        ("of_annual", [{"account_trait": "plan=annual"}]),
        ("of_others", [{"account_trait": "plan!=annual"}, {"did": "*", "within_days": 2}]),
        ("of_many", [{"account_trait": "plan>=1"}, {"not_member_of": "often"}]),
        ("outside", [{"not_member_of": "nested"}]),
        ("inside", [{"not_member_of": "outside"}, {"not_member_of": "some"}]),
        ("neither", [{"not_member_of": "inside"}, {"not_member_of": "of_many"}]),
        ("deeper", [{"member_of": "nested"}, {"did": "identify", "within_days": 31}]),
    )
)

#: Experiments for experiments.yml that these histories can fill. A plan is the variant: the number
#: 1 and the text 1 are one, and true, 2.5 and 1.00 are unplanned in the first experiment.
EXPERIMENTS: Final = (
    {
        "name": "plans",
        "description": "Do people who sign up by the year buy sooner?",
        "exposure": {"event": "sign_up|page_view[plan]", "variant": "plan"},
        "variants": ["annual", 1],
        "control": "annual",
        "start": "2026-03-27",
        "metrics": [
            {"name": "buys", "conversion": "purchase", "days": 1},
            {"name": "invites", "count": ["invite_sent", "identify"], "days": 7},
        ],
        "guardrails": [{"name": "sold", "revenue": "EUR", "days": 30}],
        "planned": {"persons": 2},
    },
    {
        "name": "short",
        "description": "Who buys first, and what do they do in the month after it?",
        "exposure": {"event": "purchase", "variant": "plan"},
        "variants": {"true": 1, "2.5": 3},
        "control": "2.5",
        "start": "2026-03-28",
        "end": "2026-04-04",
        "metrics": [{"name": "views", "count": "page_view|sign_up[plan!=annual]", "days": 30}],
        "planned": {"minimum_effect": 0.5, "baseline_deviation": 2},
    },
)
