"""The sender's address: only a trusted proxy can state it, and only a part of it is stored."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.collector.client_address import AddressPolicy, sender_address
from ingestion.settings import IpNetwork
from tests.ingestion.collector.live import LiveCollector

PROXIES: tuple[IpNetwork, ...] = (
    ipaddress.IPv4Network("10.0.0.0/8"),
    ipaddress.IPv6Network("fd00::/8"),
)


def told(peer: str | None, *values: str, header: str = "x-forwarded-for") -> str | None:
    headers = [(header.encode(), value.encode("latin-1")) for value in values]
    address = sender_address(peer, headers, PROXIES, header)
    return str(address) if address else None


@pytest.mark.parametrize(
    ("peer", "values", "expected"),
    [
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["8.8.8.8, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["8.8.8.8", "198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1, unknown"], None),
        ("10.0.0.1", ["198.51.100.1, <script>"], None),
        ("10.0.0.1", ["\xff\xfe"], None),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_right_most_untrusted_address_is_the_senders(
    peer: str | None, values: list[str], expected: str | None
) -> None:
    assert told(peer, *values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=198.51.100.1", "198.51.100.1"),
        ('For="[2001:db8::1]:4711";proto=https;by=10.0.0.1', "2001:db8::1"),
        ("for=8.8.8.8, for=198.51.100.1;host=x, for=10.1.1.1", "198.51.100.1"),
        ('for="8.8.8.8, for=198.51.100.1', "198.51.100.1"),
        ("for=_hidden", None),
        ("by=10.0.0.1", None),
    ],
)
def test_forwarded_is_read_as_rfc_7239_writes_it(value: str, expected: str | None) -> None:
    assert told("10.0.0.1", value, header="forwarded") == expected


def test_the_header_that_the_proxies_do_not_write_is_the_senders_invention() -> None:
    headers = [(b"X-Forwarded-For", b"198.51.100.1"), (b"forwarded", b"8.8.8.8")]
    address = sender_address("10.0.0.1", headers, PROXIES, "x-forwarded-for")
    assert str(address) == "198.51.100.1"


@given(st.lists(st.text('0123456789abcdef.:[]%,=;"_ for'), max_size=5), st.booleans())
def test_what_a_sender_invents_never_changes_what_its_proxy_says(
    invented: list[str], forwarded: bool
) -> None:
    header, real = ("forwarded", "for=198.51.100.1") if forwarded else (
        "x-forwarded-for",
        "198.51.100.1",
    )  # fmt: skip
    assert told("10.0.0.1", ",".join([*invented, real]), header=header) == "198.51.100.1"
    assert told("10.0.0.1", *invented, real, header=header) == "198.51.100.1"


@pytest.mark.parametrize(
    ("address", "policy", "expected"),
    [
        ("203.0.113.77", "truncate", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "truncate", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "truncate", "203.0.113.0"),
        ("fe80::1%eth0", "truncate", "fe80::"),
        # 6to4: the first 48 bits hold the whole IPv4 address 203.0.113.77.
        ("2002:cb00:714d:1::1", "truncate", "2002:cb00:7100::"),
        ("2001:db8::1", "keep", "2001:db8::1"),
        ("203.0.113.77", "drop", None),
        ("not an address", "keep", None),
        (None, "truncate", None),
    ],
)
def test_addresses_are_truncated(address: str | None, policy: str, expected: str | None) -> None:
    addresses = AddressPolicy(policy)
    assert addresses.kept(addresses.sender(address, [])) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "127.0.0.0"),
        ({"FOOTFALL_TRUSTED_PROXIES": "10.0.0.0/8"}, "127.0.0.0"),
        ({"FOOTFALL_TRUSTED_PROXIES": "127.0.0.1"}, "198.51.100.0"),
        ({"FOOTFALL_TRUSTED_PROXIES": "127.0.0.1", "FOOTFALL_CLIENT_IP": "drop"}, None),
    ],
)
def test_the_address_of_a_landed_event_follows_the_settings(
    collectors: Callable[..., LiveCollector], variables: dict[str, str], expected: str | None
) -> None:
    collector = collectors(**variables)
    collector.post(
        "/v1/track", {"event": "e", "userId": "u"}, X_Forwarded_For="8.8.8.8, 198.51.100.7"
    )
    assert collector.stop() == 0
    assert [line["request"]["ip"] for line in collector.landed()] == [expected]
