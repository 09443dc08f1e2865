"""What a line says of the browser and the device, by the libraries' own functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA, matching_crawlers
from ua_parser import parse

#: What a bot calls itself, where the list does not know it.
CALLS_ITSELF = re.compile(r"bot\b|crawl|spider|headless|cypress|\+https?://", re.IGNORECASE)
#: Names that are one and the same.
SAME = {
    **{"ios": "iOS", "ipados": "iOS", "iphone os": "iOS", "android": "Android"},
    **{"macos": "macOS", "mac os x": "macOS", "chromium os": "Chrome OS", "ubuntu": "Linux"},
}
TYPES = ("desktop", "mobile", "tablet", "tv")
IS_TV = re.compile(r"smart-?tv|hbbtv|\baft\w+", re.IGNORECASE)


class Device(NamedTuple):
    """Of which kind it is, and what runs on it."""

    device_type: str | None = None
    browser: str | None = None
    os: str | None = None
    app_version: str | None = None


def device(context: Mapping[str, Any]) -> Device:
    """What apps and client hints say, else what the user agent says."""
    hints = context.get("userAgentData") or {}
    read = agent(context.get("userAgent") or "")
    named = (context.get("os") or {}).get("name") or None
    hinted = hints.get("platform") if hints.get("platform") not in ("", "Unknown") else None
    system = named or hinted or read.os
    brands = [each["brand"] for each in hints.get("brands", [])]
    other = [each for each in brands if "Not" not in each and "Chrom" not in each]
    return Device(
        device_type=device_type(context.get("device") or {}, hints, system, read),
        browser=other[0] if read.browser == "Chrome" and other else read.browser,
        os=SAME.get(system.lower(), system) if system else None,
        app_version=(context.get("app") or {}).get("version") or None,
    )


def device_type(
    told: Mapping[str, Any], hints: Mapping[str, Any], system: str | None, read: Device
) -> str | None:
    """The first that says it: the app, its model, a television's or a console's agent, a hint."""
    name = (system or "").lower()
    if (kind := str(told.get("type")).lower()) in TYPES:
        return kind
    if str(told.get("model")).startswith("iPad") or name == "ipados":
        return "tablet"
    if read.device_type in ("tv", "other"):
        return read.device_type
    if "mobile" in hints:
        otherwise = "tablet" if system == "Android" else "desktop"
        return "mobile" if hints["mobile"] else otherwise
    of_system = {"ios": "mobile", "iphone os": "mobile", "android": "mobile", "tvos": "tv"}
    return read.device_type or of_system.get(name)


@cache
def is_bot(user_agent: str | None) -> bool:
    """Whether the list names it, or it calls itself a bot; a library for HTTP is none."""
    if user_agent is None or "cubot" in user_agent.lower():
        return False
    tags = [CRAWLER_USER_AGENTS_DATA[number]["tags"] for number in matching_crawlers(user_agent)]
    is_listed = any(each != ["http-library"] for each in tags)
    return is_listed or bool(CALLS_ITSELF.search(user_agent))


@cache
def agent(user_agent: str) -> Device:
    """What a user agent alone says; nothing, if it is a bot's."""
    if is_bot(user_agent):
        return Device()
    read = parse(user_agent)
    family = read.user_agent.family if read.user_agent else None
    browser = family and re.sub("Mobile | (Mobile|iOS)", "", family)
    system = read.os.family if read.os else None
    words = user_agent.lower()
    is_handy = any(word in words for word in ("mobi", "iphone", "dalvik"))
    if IS_TV.search(words):
        kind = "tv"
    elif "playstation" in words:
        kind = "other"
    elif "ipad" in words or ("android" in words and not is_handy):
        kind = "tablet"
    elif is_handy:
        kind = "mobile"
    else:
        kind = "desktop" if system else ""
    return Device(kind or None, browser, SAME.get(system.lower(), system) if system else None)
