"""Where a sender is: looked up before the address is shortened, never at an event's cost."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.collector.places import (
    GeoDatabaseUnusable,
    Places,
    geo_database_built_at,
    open_geo_database,
)
from tests.ingestion.collector.geo_database import write_geo_database
from tests.ingestion.collector.live import LiveCollector

VIENNA: dict[str, Any] = {
    "country": {"iso_code": "AT", "names": {"en": "Austria"}},
    "subdivisions": [{"iso_code": "9", "names": {"en": "Vienna"}}],
    "city": {"names": {"en": "Vienna", "de": "Wien"}},
}
PLACE = {"country": "AT", "region": "9", "city": "Vienna"}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "places.mmdb"
    write_geo_database(
        path,
        {
            "198.51.100.0/25": VIENNA,
            "2001:db8::/32": {"country": {"iso_code": "JP"}},
            "203.0.113.0/24": {"country": "Germany", "country_code": "de", "city": "Kiel"},
            "192.0.2.0/26": {"country": {"names": {"en": "Nowhere"}}},
            "192.0.2.64/26": {"country": {"iso_code": 7}, "city": ["odd"]},
            "192.0.2.128/26": {"country": {"iso_code": "AT"}, "subdivisions": ["odd"], "city": 7},
        },
    )
    return path


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", PLACE),
        ("198.51.100.200", None),
        ("2001:db8::1", {"country": "JP"}),
        ("203.0.113.9", {"country": "DE", "city": "Kiel"}),
        ("192.0.2.1", None),
        ("192.0.2.65", None),
        ("192.0.2.129", {"country": "AT"}),
        ("10.0.0.1", None),
    ],
)
def test_an_address_has_the_place_that_the_database_says(
    database: Path, address: str, expected: dict[str, str] | None
) -> None:
    assert Places(database).of(ipaddress.ip_address(address)) == expected


def test_without_a_database_or_an_address_no_place_is_known(database: Path) -> None:
    assert Places().of(ipaddress.ip_address("198.51.100.7")) is None
    assert Places(database).of(None) is None


def test_a_new_database_is_read_and_a_damaged_one_leaves_the_old(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = ipaddress.ip_address("198.51.100.7")
    places = Places(database)
    write_geo_database(database, {"198.51.100.0/24": {"country": {"iso_code": "CH"}}})
    assert places.of(address) == PLACE
    places.refresh()
    assert places.of(address) == {"country": "CH"}

    with caplog.at_level(logging.ERROR):
        database.write_bytes(database.read_bytes()[:100])
        places.refresh()
        places.refresh()
    assert places.of(address) == {"country": "CH"}
    assert len(caplog.records) == 1
    assert "FOOTFALL_GEO_DATABASE" in caplog.text


@pytest.mark.parametrize("read", [open_geo_database, geo_database_built_at])
@pytest.mark.parametrize("content", [None, b"", b"not a database"])
def test_a_file_that_is_no_database_says_what_to_do(
    tmp_path: Path, content: bytes | None, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "places.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GeoDatabaseUnusable, match=r"cannot use .*places\.mmdb.*download it again"):
        read(path)
    assert Places(path).of(ipaddress.ip_address("198.51.100.7")) is None


def test_the_date_of_a_database_is_read_without_a_copy_of_it(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_geo_database(database) as opened:
        built = opened.metadata().build_epoch
    monkeypatch.delattr("shutil.copyfileobj")
    assert geo_database_built_at(database).timestamp() == built


@pytest.mark.parametrize("policy", ["truncate", "drop", "keep"])
def test_a_landed_event_has_its_place_whatever_is_kept_of_the_address(
    collectors: Callable[..., LiveCollector], database: Path, policy: str
) -> None:
    collector = collectors(
        FOOTFALL_GEO_DATABASE=str(database),
        FOOTFALL_TRUSTED_PROXIES="127.0.0.1",
        FOOTFALL_CLIENT_IP=policy,
    )
    for address in ("198.51.100.7", "10.0.0.1"):
        collector.post("/v1/track", {"event": "e", "userId": address}, X_Forwarded_For=address)
    assert collector.stop() == 0
    requests = {line["user_id"]: line["request"] for line in collector.landed()}
    assert requests["198.51.100.7"]["location"] == PLACE
    assert "location" not in requests["10.0.0.1"]


def test_a_collector_with_a_damaged_database_keeps_every_event(
    collectors: Callable[..., LiveCollector], tmp_path: Path
) -> None:
    path = tmp_path / "places.mmdb"
    path.write_text("not a database")
    collector = collectors(FOOTFALL_GEO_DATABASE=str(path))
    collector.post("/v1/track", {"event": "e", "userId": "u"})
    assert collector.stop() == 0
    assert [line["user_id"] for line in collector.landed()] == ["u"]
    assert collector.process.stderr is not None
    assert b"Events are kept without a place" in collector.process.stderr.read()
