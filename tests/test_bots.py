"""Who is a person and who is a program, by the user agents that both are known to send."""

from __future__ import annotations

from tests.lines import line
from tests.models_in_memory import CompiledModels, loaded
from tests.oracle.events import File

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"

PROGRAMS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{CHROME} Mobile Safari/537.36 (compatible; GoogleOther)",
    f"{CHROME} Safari/537.36 (compatible; Google-InspectionTool/1.0;)",
    f"{CHROME} Safari/537.36 Google Favicon",
    f"{CHROME.replace(' Chrome', ', Mediapartners-Google) Chrome')} Safari/537.36",
    f"{CHROME.replace('x86_64', 'x86_64; DuplexWeb-Google/1.0')} Safari/537.36",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0 (compatible; meta-externalagent/1.1)",
    "meta-externalfetcher/1.1",
    "facebookexternalhit/1.1",
    f"{CHROME} Safari/537.36 Chrome-Lighthouse",
    f"{CHROME.replace('Chrome', 'HeadlessChrome')} Safari/537.36",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1",
    f"{CHROME} Safari/537.36 PTST/240101.120000",
    f"{CHROME.replace('x86_64', 'x86_64; Catchpoint')} Safari/537.36",
    f"{CHROME.replace('x86_64', 'x86_64; Rigor')} Safari/537.36",
    f"{CHROME} Safari/537.36 (StatusCake)",
    f"{CHROME} Safari/537.36 DareBoost",
    f"{CHROME} Safari/537.36 RuxitSynthetic/1.0 v6191106029376332690",
    f"{CHROME} Mobile Safari/537.36; Bytespider;bytespider@bytedance.com",
    f"{CHROME} Safari/537.36 ArchiveBox/0.6.2",
    f"{IPHONE} Gecko) Version/13.1 Mobile/15E148 Safari/604.1 (Applebot/0.1)",
    f"{CHROME} Safari/537.36; compatible; ChatGPT-User/1.0; https://openai.com/bot",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Perplexity-User/1.0)",
    "Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/22.1.0",
    f"{CHROME} Safari/537.36 Cypress/13.6.0",
    f"{CHROME} Safari/537.36 Playwright/1.40",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
)
PEOPLE = (
    f"{CHROME} Safari/537.36",
    f"{IPHONE} Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
    "fuboTV/4.75.0 (Linux;Android 9; AFTDCT31 Build/PS7664.3772N) FuboPlayer/v1.34.0",
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; Banca Caboto s.p.a.)",
    "Opera/9.70 (Linux armv7l ; U; turbotabbee/TSV2.0/1.02Q; fr) Presto/2.2",
    "Mozilla/5.0 (Linux; Android 13; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_POWER) AppleWebKit/537.36 (KHTML, like Gecko)",
    "cubot/1.0",
    # An advertiser's text, and base64, may hold three letters by chance.
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; login=1&info=ZmlbOtbmFtZT1Qb3dlcBOT2Jk)",
    "Mozilla/5.0 (Linux; Android 14; Google Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 GoogleApp/15.1.40.29.arm64",
    f"{CHROME} Mobile Safari/537.36 (KHTML, like Gecko; googleweblight)",
    "Mozilla/5.0 (X11; Linux x86_64) QtWebEngine/5.15.2 Chrome/87.0.4280.144 Safari/537.36",
    f"{CHROME} Electron/28.0.0 Safari/537.36",
    f"{IPHONE} Gecko) Mobile/15E148 Instagram 300.0 [FBAN/FBIOS;FBAV/440.0]",
    f"{IPHONE} Gecko) Mobile/15E148 [Pinterest/iOS]",
    "Mozilla/5.0 (Linux; Android 12; wv) Whale/1.0 Mobile Safari/537.36 NAVER(inapp; search; 1010)",
    "Mozilla/4.0 (compatible; MSIE 7.0; Embedded Web Browser from: http://bsalsa.com/)",
    f"{CHROME} Safari/537.36 Abbott/1.0 (Botswana; robotics.example)",
    "",
)


def test_programs_that_say_so_are_bots_and_everybody_else_is_a_person(
    compiled: CompiledModels,
) -> None:
    lines = [
        line(f"{number:03}", context={"userAgent": agent})
        for number, agent in enumerate((*PROGRAMS, *PEOPLE))
    ]
    rows = loaded(compiled.only("fct_events"), [[File("a.ndjson", lines)]]).rows(
        "select context::json->>'$.userAgent' as agent, is_bot from marts.fct_events"
    )
    assert {row["agent"] for row in rows if row["is_bot"]} == set(PROGRAMS)
    assert {row["agent"] for row in rows if not row["is_bot"]} == set(PEOPLE)
