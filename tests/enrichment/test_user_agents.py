"""What a user agent says, and that each is read once."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from enrichment import enrich as enriching
from enrichment import new_user_agents
from enrichment.enrich import enrich
from enrichment.user_agents import LONGEST, UserAgent, parse

LIKE_GECKO = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {LIKE_GECKO} Chrome/140.0.0.0 Safari/537.36"
MAC = "Macintosh; Intel Mac OS X 10_15_7"
IPHONE = "iPhone; CPU iPhone OS 17_5 like Mac OS X"
MOBILE_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"

#: Browser and version, system and version, type, brand and model of the device.
PEOPLE = {
    CHROME: ("Chrome", "140.0", "Windows", "10", "desktop", None, None),
    f"Mozilla/5.0 ({MAC}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15": (
        *("Safari", "17.5", "macOS", "10.15", "desktop", "Apple", "Mac"),
    ),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": (
        *("Firefox", "140.0", "Linux", None, "desktop", None, None),
    ),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {LIKE_GECKO} Chrome/140.0.0.0 Safari/537.36": (
        *("Chrome", "140.0", "Chrome OS", "14541.0", "desktop", None, None),
    ),
    f"Mozilla/5.0 ({IPHONE}) {MOBILE_SAFARI}": (
        *("Safari", "17.5", "iOS", "17.5", "mobile", "Apple", "iPhone"),
    ),
    f"Mozilla/5.0 ({IPHONE}) {MOBILE_SAFARI.replace('Version/17.5', 'CriOS/140.0')}": (
        *("Chrome", "140.0", "iOS", "17.5", "mobile", "Apple", "iPhone"),
    ),
    f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {MOBILE_SAFARI}": (
        *("Safari", "17.5", "iOS", "12.5", "tablet", "Apple", "iPad"),
    ),
    f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {LIKE_GECKO} Chrome/140.0.0.0 Mobile Safari/5": (
        *("Chrome", "140.0", "Android", "14", "mobile", "Samsung", "SM-S918B"),
    ),
    f"Mozilla/5.0 (Linux; Android 10; K) {LIKE_GECKO} Chrome/140.0.0.0 Safari/537.36": (
        *("Chrome", "140.0", "Android", "10", "tablet", None, None),
    ),
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230805.001)": (
        *("Android", "13", "Android", "13", "mobile", "Google", "Pixel 7"),
    ),
    f"Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) {LIKE_GECKO} Version/5.0 TV Safari/537.36": (
        *("Safari", "5.0", "Tizen", "5.0", "tv", "Samsung", "SMART-TV"),
    ),
    "Mozilla/5.0 (PlayStation; PlayStation 5/6.00)": (
        *(None, None, None, None, "other", "Sony", "PlayStation 5"),
    ),
    # Internet Explorer on a computer with a pen.
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)": (
        *("IE", "8.0", "Windows", "7", "desktop", None, None),
    ),
    # The list takes editors that show pages for agents of AI.
    f"Mozilla/5.0 (X11; Linux x86_64) {LIKE_GECKO} Code/1.115.0 Chrome/142.0 Electron/39.8": (
        *("Chrome", "142.0", "Linux", None, "desktop", None, None),
    ),
    "": (None, None, None, None, None, None, None),
    "\0\udcff".encode(errors="replace").decode(): (None, None, None, None, None, None, None),
}
#: Whoever calls an API with a library may be a customer.
LIBRARIES = (
    *("curl/8.5.0", "Wget/1.21.4", "python-requests/2.32.3", "Python/3.12 aiohttp/3.10.5"),
    *("python-httpx/0.27.0", "Python-urllib/3.12", "okhttp/4.12.0", "Go-http-client/2.0"),
    *("axios/1.7.7", "node", "undici", "Java/17.0.1", "Apache-HttpClient/4.5.13 (Java/11)"),
    *("GuzzleHttp/7", "reqwest/0.12.7", "PostmanRuntime/7.41.2", "python-urllib3/2.2.2"),
)
#: An app that names itself, whatever it asks with.
APPS = (
    *("MyShop/3.2 okhttp/4.12.0", "com.shop.app/3.2 (Android 14) okhttp/4.12.0"),
    *("Shop/7 CFNetwork/1404.0.5 Darwin/22.3.0", "Javanese/1.0", "nodebook/2", ""),
)
BOTS = {
    "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)": ("GPTBot", "ai_training"),
    f"{CHROME}; ClaudeBot/1.0; +claudebot@anthropic.com": ("ClaudeBot", "ai_training"),
    "CCBot/2.0 (https://commoncrawl.org/faq/)": ("CCBot", "ai_training"),
    "Mozilla/5.0 (compatible; OAI-SearchBot/1.0; +https://openai.com/searchbot)": (
        *("OAI-SearchBot", "ai_search"),
    ),
    f"{CHROME}; PerplexityBot/1.0": ("PerplexityBot", "ai_search"),
    f"{CHROME}; ChatGPT-User/1.0; +https://openai.com/bot": ("ChatGPT-User", "ai_on_behalf"),
    f"{CHROME}; Claude-User/1.0": ("Claude-User", "ai_on_behalf"),
    f"{CHROME}; Perplexity-User/1.0": ("Perplexity-User", "ai_on_behalf"),
    f"{CHROME}; MistralAI-User/1.0": ("MistralAI-User", "ai_on_behalf"),
    "meta-externalfetcher/1.1": ("meta-externalfetcher", "ai_on_behalf"),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": (
        *("Googlebot", "crawler"),
    ),
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": ("AhrefsBot", "crawler"),
    "facebookexternalhit/1.1": ("facebookexternalhit", "preview"),
    f"{CHROME} DatadogSynthetics": ("DatadogSynthetics", "monitor"),
    CHROME.replace("Chrome", "HeadlessChrome"): ("HeadlessChrome", "automation"),
    # Unknown to the list.
    f"{CHROME} Cypress/13.6.0": ("Cypress", "automation"),
    "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/22.1.0": (
        *("jsdom", "automation"),
    ),
    "NeverHeardOfBot/1.0": ("NeverHeardOfBot", "crawler"),
    "Mozilla/5.0 (compatible; never-heard-of/1.0; +https://never.example)": (
        *("never-heard-of", "crawler"),
    ),
    "+https://never.example": (None, "crawler"),
}


@pytest.mark.parametrize("user_agent", PEOPLE)
def test_a_persons_agent_says_browser_system_and_device(user_agent: str) -> None:
    assert parse(user_agent) == UserAgent(user_agent, *PEOPLE[user_agent])


@pytest.mark.parametrize("user_agent", LIBRARIES)
def test_a_library_is_no_bot_and_no_app(user_agent: str) -> None:
    assert (parse(user_agent).agent_kind, parse(user_agent).is_bot) == ("library", False)


@pytest.mark.parametrize("user_agent", APPS)
def test_an_app_that_names_itself_is_no_library(user_agent: str) -> None:
    assert parse(user_agent).agent_kind is None


@pytest.mark.parametrize("user_agent", BOTS)
def test_a_bots_agent_says_its_name_and_what_it_comes_for(user_agent: str) -> None:
    name, kind = BOTS[user_agent]
    assert parse(user_agent) == UserAgent(user_agent, bot_name=name, agent_kind=kind, is_bot=True)


def test_every_agent_that_the_list_knows_is_a_bot_except_libraries_and_three_editors() -> None:
    people = [
        listed["pattern"]
        for listed in CRAWLER_USER_AGENTS_DATA
        if listed["tags"] != ["http-library"]
        and not all(parse(each).is_bot for each in listed["instances"])
    ]
    assert people == [r"Code\/1\.", r"Trae\/", "Fluid"]


def test_the_first_characters_are_read_and_no_more() -> None:
    long = CHROME.ljust(LONGEST)
    assert not parse(f"{long}; Googlebot/2.1").is_bot
    assert parse(f"{long[:-15]}; Googlebot/2.1").is_bot
    assert parse(f"{long}{'x' * 32_768}")[1:] == parse(CHROME)[1:]


@given(text=st.text(max_size=2 * LONGEST))
def test_any_text_can_be_read(text: str) -> None:
    assert parse(text).user_agent == text


@pytest.fixture
def raw() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            "create schema raw;"
            "create table raw._dlt_loads (load_id varchar, status bigint);"
            "create table raw.events (context json, _dlt_load_id varchar)"
        )
        yield connection


def arrive(connection: duckdb.DuckDBPyConnection, load_id: str, *contexts: str | None) -> None:
    connection.execute("insert into raw._dlt_loads values (?, 0)", [load_id])
    for context in contexts:
        connection.execute("insert into raw.events values (?, ?)", [context, load_id])


def agents(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("select user_agent from enrichment.user_agents order by 1").fetchall()
    return [user_agent for (user_agent,) in rows]


def test_each_agent_of_a_completed_load_is_parsed_once(
    raw: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []

    def noted(text: str) -> UserAgent:
        parsed.append(text)
        return UserAgent(text)

    monkeypatch.setattr(new_user_agents, "parse", noted)
    monkeypatch.setattr(new_user_agents, "BATCH", 2)
    enrich(raw)
    arrive(raw, "1", *(f'{{"userAgent": "{name}"}}' for name in "abcabc"), "{}", None)
    raw.execute("""insert into raw.events values ('{"userAgent": "unfinished"}', 'torn')""")
    enrich(raw)
    enrich(raw)
    arrive(raw, "2", '{"userAgent": "c"}', '{"userAgent": "d"}')
    enrich(raw)
    assert sorted(parsed) == agents(raw) == ["a", "b", "c", "d"]


def test_new_rules_parse_every_agent_anew(
    raw: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(raw, "1", '{"userAgent": "a"}')
    enrich(raw)
    raw.execute("insert into enrichment.user_agents (user_agent) values ('of other rules')")
    monkeypatch.setattr(enriching, "rules", lambda: "another edition")
    enrich(raw)
    assert agents(raw) == ["a"]


def test_a_kill_between_two_batches_costs_no_agent_and_doubles_none(
    raw: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(text: str) -> UserAgent:
        if agents(raw):
            raise KeyboardInterrupt
        return UserAgent(text)

    arrive(raw, "1", *(f'{{"userAgent": "{name}"}}' for name in "abc"))
    with monkeypatch.context() as during:
        during.setattr(new_user_agents, "BATCH", 1)
        during.setattr(new_user_agents, "parse", dies)
        with pytest.raises(KeyboardInterrupt):
            enrich(raw)
    assert len(agents(raw)) == 1
    enrich(raw)
    assert agents(raw) == ["a", "b", "c"]
