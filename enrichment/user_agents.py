"""What a user agent says: the browser, the operating system, the device, and which bot it is.

Browsers and systems by the rules of ua-parser, bots by the list of crawler-user-agents. Both are
applied by ua-parser's native engine: its time grows with the length of a text and nothing else,
whatever a stranger wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain, load_lazy_builtins
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

#: Characters of a user agent that are read. The longest of 2,000 that browsers sent had 268. The
#: worst text of this length that we found takes 2 ms; a browser's agent takes 0.1 ms.
LONGEST: Final = 1_024

#: What the library's list takes for bots and people use: editors that show pages, browsers.
PEOPLES: Final = (
    r"(?:Code|Trae)/[\d.]+ Chrome/[\d.]+ Electron/",
    r"Fluid/",
    r"Sogou(?:MSE|MobileBrowser)",
)
#: What the list does not know, as (pattern, kind); the first group is the bot's name. The words
#: that any bot uses of itself come last, behind a make of phones.
UNLISTED: Final = (
    (r"(DuplexWeb-Google)", "crawler"),
    (r"(?i:(burpcollaborator|wappalyzer|semanticsclassifier|taginspector))", "crawler"),
    (r"(?i:(dejaclick|dmbrowser|gtmetrix|pageburst|speedcurve|\w*synthetics?\b))", "monitor"),
    (r"(?i:(cypress|testcafe|webdriver|slimerjs|casperjs|htmlunit|jsdom|happydom))", "automation"),
    (r"(?i:(wkhtmlto\w+|webkit2png|cutycapt))", "automation"),
    (r"(?i:([\w.-]*headless[\w.-]*))", "automation"),
    (r"(?i:\b(cubot)(?:\b|_))", None),
    (r"(?i:([\w.-]*bot)s?(?:[^a-z0-9]|$))", "crawler"),
    (r"(?i:([\w.-]*(?:crawl|spider)[\w.-]*))", "crawler"),
    (r"(?:([\w.-]+)/[\w.-]+\W{1,3})?\+https?://", "crawler"),
)
#: The list's tag of libraries for HTTP. They are no bots: who asks with curl may be a customer.
LIBRARY: Final = "http-library"
#: Libraries that the list does not know, and the language, which may stand before the name of any.
#: An app that names itself before its library is an app.
UNLISTED_LIBRARIES: Final = (
    *("Deno/", "Faraday", "GuzzleHttp", "Java/", "PostmanRuntime/", "RestSharp", "hyper/"),
    *("lua-resty-http", "node$", "rest-client/", "reqwest", "undici", "urllib3"),
)
BEFORE_A_LIBRARY: Final = r"^(?:(?:Java|Node\.js|PHP|Python|Ruby)/[\w.]+ )?(?:python-)?"
#: A tag of the list → the kind of bot. Of an agent with several the first one here counts.
KINDS: Final = {
    "ai-crawler": "ai_training",
    "browser-automation": "automation",
    "monitoring": "monitor",
    "social-preview": "preview",
    **dict.fromkeys(
        ("search-engine", "feed-reader", "advertising", "seo", "scanner", "archiver", "academic"),
        "crawler",
    ),
}
#: By its pattern: an agent that fetches what a person asked for at that moment.
ON_BEHALF: Final = re.compile(
    r"-User\b|^(?:PerplexityUser|DuckAssistBot|kagi-fetcher|Google-NotebookLM|Gemini-Deep-Research|Devin"
    r"|Google-?Agent|GoogleAgent-Mariner|AmazonBuyForMe|TwinAgent|Google-Gemini-CLI|meta-externalf"
    r"|Amazon-Bedrock-AgentCore|Anchor Browser|opencode-smartfetch|linkReader)"
)
#: By its pattern and its description: an agent of AI that fills the index of a search.
AI_SEARCH: Final = re.compile(r"Search|\bsearch|\banswer|\bindexer\b")

#: ua-parser names a browser apart on each kind of device, which is a column of its own here.
BROWSERS: Final = {
    "Chrome Mobile WebView": "Android WebView",
    "Mobile Safari UI/WKWebView": "iOS WebView",
}
OF_A_DEVICE: Final = re.compile(r"^Mobile |(?: (?:Mobile|iOS|Android|Touch))+$")
SYSTEMS: Final = {
    "Mac OS X": "macOS",
    "iPadOS": "iOS",
    **dict.fromkeys(("ATV OS X", "tvOS"), "tvOS"),
    **dict.fromkeys(
        ("Ubuntu", "Debian", "Fedora", "Red Hat", "CentOS", "SUSE", "Arch Linux", "Linux Mint"),
        "Linux",
    ),
}
#: The first that is found is the type of device. An Android browser without the word Mobile is a
#: tablet's by Google's rule; an Android app does not say, and most are on phones.
TYPES: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("other", r"playstation|nintendo|xbox|watch ?os|apple ?watch|wear ?os|oculus"),
        (
            "tv",
            r"smart-?tv|google ?tv|apple ?tv|android ?tv|hbbtv|netcast|web0s|roku|crkey|bravia"
            r"|viera|\bdtv\b|\bce-html\b|\baft[a-z0-9]+\b|\btv os\b|tvos",
        ),
        ("tablet", r"ipad|tablet(?! pc)|kindle|\bsilk/|playbook|\bsm-[tx]\d"),
        ("mobile", r"mobi|iphone|ipod|windows phone|blackberry|kaios|symbian|midp"),
        ("tablet", r"^mozilla/.*\bandroid\b"),
        ("mobile", r"\bandroid\b"),
    )
)


class UserAgent(NamedTuple):
    """What one user agent says; null is what it does not say. A bot has nothing but its name."""

    user_agent: str
    browser: str | None = None
    browser_version: str | None = None
    os: str | None = None
    os_version: str | None = None
    device_type: str | None = None
    device_brand: str | None = None
    device_model: str | None = None
    bot_name: str | None = None
    agent_kind: str | None = None
    is_bot: bool = False


def parse(user_agent: str) -> UserAgent:
    """Read a user agent; of a longer one its first characters, LONGEST of them."""
    text = user_agent[:LONGEST]
    if found := _bots()(text, Domain.USER_AGENT).user_agent:
        kind = _agent_kinds()[int(found.major or 0)]
        if kind:
            name = re.split(r"[/();]", found.family.strip(" ;("))[0].strip()
            return UserAgent(user_agent, bot_name=name or None, agent_kind=kind, is_bot=True)
    read = _agents()(text, Domain.ALL)
    browser, system, device = read.user_agent, read.os, read.device
    # What looks like a spider to ua-parser and is none of our bots is a device that it misread.
    is_told = device is not None and not (device.brand or "").startswith(("Spider", "Generic"))
    return UserAgent(
        user_agent,
        browser=_browser(browser.family) if browser else None,
        browser_version=_version(browser.major, browser.minor) if browser else None,
        os=SYSTEMS.get(system.family, system.family) if system else None,
        os_version=_version(system.major, system.minor) if system else None,
        device_type=_device_type(text, is_known=system is not None),
        device_brand=device.brand if device and is_told else None,
        device_model=device.model if device and is_told else None,
        agent_kind="library" if _libraries().search(text) else None,
    )


def _browser(family: str) -> str:
    return OF_A_DEVICE.sub("", BROWSERS.get(family, family))


def _device_type(text: str, *, is_known: bool) -> str | None:
    for kind, pattern in TYPES:
        if pattern.search(text):
            return kind
    return "desktop" if is_known else None


def _version(*parts: str | None) -> str | None:
    return ".".join(part for part in parts if part) or None


@lru_cache
def _agents() -> Resolver:
    return Resolver(load_lazy_builtins())


@lru_cache
def _bots() -> Resolver:
    """Finds the first pattern that matches: group 1 is the family, its number the major version."""
    return Resolver(
        (
            [UserAgentMatcher(each, "$1", str(n)) for n, (each, _) in enumerate(_patterns())],
            [],
            [],
        )
    )


@lru_cache
def _agent_kinds() -> list[str | None]:
    return [kind for _, kind in _patterns()]


@lru_cache
def _libraries() -> re.Pattern[str]:
    listed = (each["pattern"] for each in CRAWLER_USER_AGENTS_DATA if LIBRARY in each["tags"])
    names = (name.removeprefix("^").removeprefix("python-") for name in listed)
    return re.compile(
        f"{BEFORE_A_LIBRARY}(?:{'|'.join((*names, *UNLISTED_LIBRARIES))})", re.IGNORECASE
    )


def _patterns() -> Iterator[tuple[str, str | None]]:
    """Each pattern, in order, with the kind of bot that it means; null is a person's program."""
    for pattern in PEOPLES:
        yield f"({pattern})", None
    for listed in CRAWLER_USER_AGENTS_DATA:
        kind = _kind(listed["pattern"], listed["description"], listed["tags"])
        if kind:
            yield f"({listed['pattern']})", kind
    yield from UNLISTED


def _kind(pattern: str, description: str, tags: list[str]) -> str | None:
    if ON_BEHALF.search(pattern):
        return "ai_on_behalf"
    if "ai-crawler" in tags and AI_SEARCH.search(f"{pattern} {description}"):
        return "ai_search"
    return next((kind for tag, kind in KINDS.items() if tag in tags), None)
