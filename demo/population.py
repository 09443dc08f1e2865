"""The demo's whole population: all households that arrive, the bots, and the product's slips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from demo.facts import WEB, Fact, Story
from demo.people import Household

#: The names that these programs give. They load pages in a browser, so only the name shows it.
BOTS: Final[Mapping[str, str]] = {
    "crawler-1": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "crawler-2": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "reader-1": "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "reader-2": "Mozilla/5.0 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
    "monitor-1": "Mozilla/5.0 (compatible; Pingdom.com_bot_version_1.4; +http://www.pingdom.com/)",
}

#: Share of weekend arrivals that come on the Monday after instead.
WEEKEND_SHIFT: Final = 0.6


def live(story: Story, until: datetime) -> list[Fact]:
    """Every delivery before ``until``, in the order of delivery.

    The same story with a later ``until`` gives the same facts and goes on. ``persons`` arrive in
    ``story.weeks``; later weeks bring as many more.
    """
    facts = [
        fact
        for number, arrives_at in _arrivals(story, until)
        for fact in Household(story, number, arrives_at, until).facts()
    ]
    facts += _crawls(story, until)
    return sorted(facts, key=lambda fact: (fact.delivered_at, fact.occurred_at, fact.event_id))


def slips(story: Story) -> list[dict[str, Any]]:
    """Events with a programmer's mistakes, which the endpoint refuses.

    Each breaks a different rule of the endpoint; the rest of each is valid.
    """
    event = {"type": "track", "event": "report_created", "userId": "u1", "properties": {"rows": 3}}
    broken = [
        {name: value for name, value in event.items() if name != "userId"},
        {name: value for name, value in event.items() if name != "event"},
        event | {"type": "trakc"},
        event | {"timestamp": "yesterday afternoon"},
        event | {"properties": "rows=3"},
    ]
    return [
        slip | {"messageId": story.event_id("slip", number)} for number, slip in enumerate(broken)
    ]


def _arrivals(story: Story, until: datetime) -> Iterator[tuple[int, datetime]]:
    """Each household's number, from 1, and when it first appears: at an even pace, by day."""
    between = timedelta(days=story.days) / story.persons
    number = 1
    # A day more, because the hour of the day is drawn last and may be earlier than the slot's.
    while (slot := story.starts_at + between * (number - 1)) < until + timedelta(days=1):
        rng = Random(f"{story.seed}/arrival/{number}")
        at = slot + between * rng.random()
        if at.weekday() >= 5 and rng.random() < WEEKEND_SHIFT:
            at += timedelta(days=7 - at.weekday())
        hour = min(max(rng.gauss(14, 4), 0), 23)
        yield number, at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hour)
        number += 1


def _crawls(story: Story, until: datetime) -> Iterator[Fact]:
    for bot, agent in BOTS.items():
        midnight = story.starts_at
        while midnight < until:
            rng = Random(f"{story.seed}/{bot}/{midnight.date()}")
            at = midnight + timedelta(hours=rng.uniform(0, 23))
            for path in rng.choices(("/", "/features", "/pricing", "/docs"), k=rng.randint(3, 9)):
                at += timedelta(seconds=rng.uniform(1, 20))
                if at < until:
                    yield Fact(
                        event_id=story.event_id(bot, at.isoformat()),
                        source=WEB,
                        kind="page",
                        name=None,
                        user_id=None,
                        anonymous_id=bot,
                        occurred_at=at,
                        delivered_at=at,
                        properties={"path": path},
                        context={"userAgent": agent},
                    )
            midnight += timedelta(days=1)
