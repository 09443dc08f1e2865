"""The devices of people: browsers and phones, their SDKs, languages, networks and clocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Final

from benchmarks.properties import Values, uuid
from benchmarks.sdks import CLIENTS, Sdk

#: Drawn for browsers, and as many for phones; the first are the most frequent.
AGENTS: Final = 6_000
_SDKS: Final = [sdk for sdk, share in CLIENTS.items() for _ in range(share)]
_MAKES: Final = ("SM-S9", "SM-A5", "Pixel ", "M2101K", "CPH2", "V20")
_PLANS: Final = ("free", "free", "free", "team", "team", "business", "enterprise")
_LOCALES: Final = (
    ("en-US", "America/New_York"), ("en-US", "America/Los_Angeles"), ("en-US", "America/Chicago"),
    ("en-GB", "Europe/London"), ("de-DE", "Europe/Berlin"), ("fr-FR", "Europe/Paris"),
    ("pt-BR", "America/Sao_Paulo"), ("es-ES", "Europe/Madrid"), ("ja-JP", "Asia/Tokyo"),
    ("en-IN", "Asia/Kolkata"), ("nl-NL", "Europe/Amsterdam"), ("pl-PL", "Europe/Warsaw"),
    ("zh-CN", "Asia/Shanghai"), ("ko-KR", "Asia/Seoul"), ("sv-SE", "Europe/Stockholm"),
    ("en-AU", "Australia/Sydney"), ("es-MX", "America/Mexico_City"), ("tr-TR", "Europe/Istanbul"),
)  # fmt: skip
_SCREENS: Final = ((1920, 1080), (1536, 864), (2560, 1440), (1440, 900), (1366, 768), (3440, 1440))
_PHONE_SCREENS: Final = ((390, 844), (393, 852), (412, 915), (360, 800), (430, 932))


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a person: its SDK, its values, and by how many µs its clock is wrong."""

    sdk: Sdk
    values: Values
    skew: int
    is_customer: bool


@lru_cache(maxsize=20_000)
def device_of(person: int, is_second: bool) -> Device:
    """The same device for the same person, in every file of every benchmark."""
    random = Random(person * 2)
    locale, zone = _LOCALES[int(random.random() ** 2 * len(_LOCALES))]
    is_customer = random.random() < 0.75
    values = {
        "user_id": f"usr_{random.getrandbits(80):020x}",
        "email": f"{random.getrandbits(36):09x}@example-{int(random.random() ** 2 * 5_000)}.com",
        "company": f"org_{int(random.random() ** 2 * 5_000):06}",
        "plan": random.choice(_PLANS),
        "locale": locale,
        "zone": zone,
    }
    if is_second:
        random = Random(person * 2 + 1)
    sdk = _SDKS[int(random.random() * len(_SDKS))]
    pool = _phones() if sdk.source == "app" else _browsers()
    values |= pool[int(random.random() ** 3 * len(pool))]
    values["device_id"] = uuid(random)
    network = (random.randrange(1, 224), random.randrange(256), random.randrange(256))
    values["ip"] = "{}.{}.{}.0".format(*network)
    if random.random() < 0.25:
        values["ip"] = "2a{:02x}:{:x}:{:x}::".format(*network)
    skew = int(random.gauss(0, 1200) * 1_000_000) if random.random() < 1 / 40 else 0
    return Device(sdk, values, skew, is_customer)


@cache
def _browsers() -> list[Values]:
    """Browsers, the most frequent first."""
    random = Random(0)
    return [_browser(random) for _ in range(AGENTS)]


def _browser(random: Random) -> Values:
    chrome = 150 - int(random.expovariate(1 / 4))
    build = f"{chrome}.0.{random.randrange(6000, 7600)}.{random.randrange(30, 220)}"
    webkit = "AppleWebKit/537.36 (KHTML, like Gecko)"
    kind = random.random()
    if kind < 0.4:
        version = random.randrange(9, 17)
        model = f"{random.choice(_MAKES)}{random.randrange(1, 60)}"
        agent = f"(Linux; Android {version}; {model}) {webkit} Chrome/{build} Mobile Safari/537.36"
        system, is_mobile = "Android", True
    elif kind < 0.65:
        version, minor = random.randrange(15, 27), random.randrange(8)
        safari = f"Version/{version}.{minor} Mobile/15E{random.randrange(100, 320)} Safari/604.1"
        if random.random() < 0.3:
            safari = f"Mobile/21F{random.randrange(10, 99)} [FBAN/FBIOS;FBAV/{build}]"
        agent = (
            f"(iPhone; CPU iPhone OS {version}_{minor} like Mac OS X)"
            f" AppleWebKit/605.1.15 (KHTML, like Gecko) {safari}"
        )
        system, is_mobile = "iOS", True
    elif kind < 0.75:
        system, is_mobile = random.choice(("Windows", "Linux")), False
        where = "Windows NT 10.0; Win64; x64" if system == "Windows" else "X11; Linux x86_64"
        agent = f"({where}; rv:{chrome}.0) Gecko/20100101 Firefox/{chrome}.{random.randrange(4)}"
    else:
        system, is_mobile = random.choice(("Windows", "Mac OS X")), False
        where = (
            "Windows NT 10.0; Win64; x64"
            if system == "Windows"
            else f"Macintosh; Intel Mac OS X 10_15_{random.randrange(8)}"
        )
        brand = random.choice(
            ("", f" Edg/{build}", f" OPR/{chrome - 16}.0.{random.randrange(5000)}.0")
        )
        agent = f"({where}) {webkit} Chrome/{chrome}.0.0.0 Safari/537.36{brand}"
    width, height = random.choice(_PHONE_SCREENS if is_mobile else _SCREENS)
    return {
        "agent": f"Mozilla/5.0 {agent}",
        "os": system,
        "is_mobile": "true" if is_mobile else "false",
        "device_type": "Mobile" if is_mobile else "Desktop",
        "width": width,
        "height": height,
        "density": 3 if is_mobile else 1,
    }


@cache
def _phones() -> list[Values]:
    """Phones with the product's app."""
    random = Random(1)
    return [_phone(random) for _ in range(AGENTS)]


def _phone(random: Random) -> Values:
    app = f"{random.randrange(3, 6)}.{random.randrange(30)}.{random.randrange(9)}"
    system = f"{random.randrange(15, 27)}.{random.randrange(8)}"
    width, height = random.choice(_PHONE_SCREENS)
    return {
        "agent": f"Acme/{app} CFNetwork/{random.randrange(1300, 1600)}.0.4 Darwin/24.0.0",
        "app_version": app,
        "os_version": system,
        "model": f"iPhone{random.randrange(12, 19)},{random.randrange(1, 6)}",
        "width": width,
        "height": height,
    }
