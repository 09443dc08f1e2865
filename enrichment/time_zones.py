"""In which country a time zone is: the IANA time zone database, in the edition of tzdata.

A browser tells its zone (Europe/Vienna) to everybody, and no address is needed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

#: Zones of whole regions. Since edition 2024b each is another name of one city's zone (CET of
#: Brussels), which says nothing about the country of who uses it.
REGIONS: Final = {
    *("WET", "CET", "MET", "EET", "EST", "MST", "HST"),
    *("EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"),
}


def time_zones() -> Iterator[tuple[str, str]]:
    """Each time zone that lies in one country, as (zone, ISO 3166 code of the country).

    An old name (Asia/Calcutta) has the country of the zone that it now stands for.
    """
    country = {zone: code for code, _, zone, *_ in _rows("zone.tab")}
    yield from country.items()
    for line in _text("tzdata.zi").splitlines():
        match line.split(" "):
            case ["L", zone, old_name] if old_name not in country.keys() | REGIONS:
                if zone in country:
                    yield old_name, country[zone]


def countries() -> Iterator[tuple[str, str]]:
    """Each country as (ISO 3166 code, usual name in English)."""
    for code, name, *_ in _rows("iso3166.tab"):
        yield code, name


def _rows(file: str) -> Iterator[list[str]]:
    for line in _text(file).splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def _text(file: str) -> str:
    return (files("tzdata") / "zoneinfo" / file).read_text(encoding="utf-8")
