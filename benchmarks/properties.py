"""The properties of each event, and how their values are drawn.

``%(name)s`` stands for a text, ``%(name)d`` and ``%(name).2f`` for a number, ``%(name)-s`` for
other JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from ingestion.facts.envelope import Json

Values = dict[str, Any]

#: Event → its own properties.
TRACKS: Final[Mapping[str, Json]] = {
    "report_created": {
        "value": "%(period)s", "report_id": "%(uuid)s", "project_id": "%(number)d",
        "charts": "%(charts)-s", "rows": "%(rows)d", "duration_ms": "%(duration)d",
        "is_template": "%(flag)-s", "plan": "%(plan)s", "position": "%(sequence)d",
    },
    "dashboard_shared": {
        "value": "%(period)s", "dashboard_id": "%(hex)s", "recipients": "%(small)d",
        "role": "%(role)s", "is_public": "%(flag)-s", "tags": "%(tags)-s", "plan": "%(plan)s",
    },
    "query_saved": {
        "value": "%(period)s", "query": "%(sentence)s", "rows": "%(rows)d", "cost": "%(money).2f",
        "duration_ms": "%(duration)d", "filters": "%(filters)-s", "is_cached": "%(flag)-s",
        "warehouse": "%(region)s", "change": "%(change).4f", "plan": "%(plan)s",
    },
    "trial_started": {
        "value": "%(period)s", "plan": "%(plan)s", "seats": "%(small)d", "is_invited": "%(flag)-s",
        "coupon": "%(coupon)-s", "ends_on": "%(day)s",
    },
    "project_created": {
        "project_id": "%(number)d", "name": "%(sentence)s", "region": "%(region)s",
        "members": "%(small)d", "is_private": "%(flag)-s", "tags": "%(tags)-s",
    },
    "plan_purchased": {
        "value": "%(period)s", "plan": "%(plan)s", "seats": "%(small)d", "revenue": "%(money).2f",
        "currency": "%(currency)s", "order_id": "%(hex)s", "tax": "%(ratio).4f",
        "items": "%(items)-s", "coupon": "%(coupon)-s", "is_renewal": "%(flag)-s",
        "credit": "%(balance)d", "region": "%(region)s", "starts_on": "%(day)s",
    },
    "search_performed": {
        "query": "%(sentence)s", "results": "%(rows)d", "page_number": "%(small)d",
        "duration_ms": "%(duration)d", "filters": "%(filters)-s", "is_exact": "%(flag)-s",
    },
    "file_uploaded": {
        "file_id": "%(uuid)s", "name": "%(sentence)s", "bytes": "%(rows)d", "format": "%(format)s",
        "duration_ms": "%(duration)d", "columns": "%(small)d", "is_retry": "%(flag)-s",
    },
    "filter_applied": {
        "filters": "%(filters)-s", "report_id": "%(uuid)s", "rows": "%(rows)d",
        "change": "%(change).4f", "control": "%(control)s",
    },
    "button_clicked": {
        "control": "%(control)s", "label": "%(sentence)s", "x": "%(number)d", "y": "%(balance)d",
        "is_keyboard": "%(flag)-s", "variant": "%(version)-s",
    },
    "export_finished": {
        "report_id": "%(uuid)s", "format": "%(format)s", "bytes": "%(rows)d",
        "duration_ms": "%(duration)d", "share": "%(ratio).4f", "is_scheduled": "%(flag)-s",
        "columns": "%(tags)-s", "region": "%(region)s",
    },
    "error_shown": {
        "code": "%(version)-s", "message": "%(sentence)s", "control": "%(control)s",
        "trace_id": "%(hex)s", "is_fatal": "%(flag)-s", "retries": "%(small)d",
    },
    "video_watched": {
        "video_id": "%(hex)s", "title": "%(sentence)s", "share": "%(ratio).4f",
        "seconds": "%(money).2f", "is_muted": "%(flag)-s", "quality": "%(version)-s",
    },
    "invite_sent": {
        "invite_id": "%(uuid)s", "role": "%(role)s", "recipients": "%(small)d",
        "message": "%(sentence)s", "expires_on": "%(day)s",
    },
}  # fmt: skip

#: 64, so that six bits choose one.
_WORDS: Final = (
    *("revenue", "churn", "weekly", "orders", "by", "region", "customers", "active", "funnel"),
    *("forecast", "über", "größte", "Umsatz", "pipeline", "margin", "cost", "per", "seat"),
    *("new", "returning", "année", "ventes", "売上", "monthly", "trial", "retention", "cohort"),
    *("export", "inventory", "stock", "late", "shipments", "tickets", "open", "team", "budget"),
    *("plan", "vs", "errors", "signups", "daily", "quarter", "product", "users", "emails"),
    *("growth", "spend", "ads", "search", "partner", "europe", "latam", "support", "backlog"),
    *("velocity", "usage", "storage", "compute", "latency", "invoice", "refunds", "leads"),
    *("deals", "東京"),
)
_FORMATS: Final = ("csv", "xlsx", "pdf", "parquet", "json")
_REGIONS: Final = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-south-1")
_CONTROLS: Final = ("toolbar", "sidebar", "menu", "shortcut", "context_menu", "modal", "banner")


def uuid(random: Random) -> str:
    """A UUIDv4."""
    return dashed(random.getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62)


def uuid7(at: int, random: Random) -> str:
    """A UUIDv7 of a moment in µs since 1970: the same milliseconds, and the rest drawn."""
    drawn = random.getrandbits(80) & ~(0xF << 76 | 0x3 << 62)
    return dashed((at // 1000) << 80 | drawn | 0x7 << 76 | 0x2 << 62)


def dashed(value: int) -> str:
    """128 bits in the usual form of a UUID."""
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def words(random: Random) -> str:
    """Two to nine words, such as somebody types."""
    letters = random.getrandbits(60)
    count = 2 + (letters & 7)
    return " ".join([_WORDS[letters >> 6 * place & 63] for place in range(1, count + 1)])


def _one_of(texts: tuple[str, ...]) -> Callable[[Random], str]:
    size = len(texts)
    return lambda random: texts[int(random.random() ** 2 * size)]


def _list(random: Random) -> str:
    drawn = random.randbytes(1 + random.getrandbits(2))
    return "[" + ",".join([f'"{_WORDS[byte & 63]}"' for byte in drawn]) + "]"


def _items(random: Random) -> str:
    price, code = random.random() * 90, random.getrandbits(24)
    item = f'{{"sku":"{code:06x}","price":{price:.2f},"quantity":{1 + (code & 7)}}}'
    return f"[{item}]" if code & 8 else f'[{item},{{"sku":"setup","price":{price / 2:.2f}}}]'


def _filters(random: Random) -> str:
    drawn, since = random.getrandbits(12), _day(random)
    return f'{{"region":"{_REGIONS[drawn & 3]}","since":"{since}","limit":{drawn}}}'


def _day(random: Random) -> str:
    return f"2026-{1 + int(random.random() * 12):02}-{1 + int(random.random() * 28):02}"


#: Name of a value → how it is drawn. Whole numbers of both signs, fractions, texts that never come
#: again and texts of few, nulls, nested values, and one that is now a text and now a number.
DRAWS: Final[Mapping[str, Callable[[Random], Any]]] = {
    "period": _one_of(("annual", "monthly", "monthly")),
    "currency": _one_of(("USD", "EUR", "GBP", "JPY")),
    "role": _one_of(("viewer", "editor", "admin", "owner")),
    "format": _one_of(_FORMATS),
    "region": _one_of(_REGIONS),
    "control": _one_of(_CONTROLS),
    "version": _one_of(("3", '"3.1"', '"beta"', "4", "404")),
    "coupon": _one_of(("null", "null", '"SPRING"', '"PARTNER-20"')),
    "flag": lambda random: "true" if random.random() < 0.3 else "false",
    "uuid": uuid,
    "hex": lambda random: f"{random.getrandbits(96):024x}",
    "trace": lambda random: f"{random.getrandbits(128):032x}",
    "parent": lambda random: f"{random.getrandbits(64):016x}",
    "host": lambda random: f"api-{random.getrandbits(5)}.eu-west-1.compute.internal",
    "release": lambda random: f"2026.{random.getrandbits(4)}.{random.getrandbits(5)}",
    "number": lambda random: random.getrandbits(17),
    "small": lambda random: 1 + int(random.random() ** 3 * 200),
    "rows": lambda random: int(random.lognormvariate(6, 4)),
    "duration": lambda random: int(random.lognormvariate(6, 1)),
    "balance": lambda random: int(random.gauss(0, 500)),
    "money": lambda random: random.lognormvariate(4, 1),
    "change": lambda random: random.gauss(0, 1),
    "ratio": lambda random: random.random(),
    "day": _day,
    "sentence": words,
    "tags": _list,
    "charts": _list,
    "items": _items,
    "filters": _filters,
}
