"""The sender's address behind trusted proxies, and how much of it is stored.

Pure. A header is used only if the connection comes from a trusted proxy, and only the header that
these proxies write. A sender can invent any other one.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingestion.settings import IpNetwork

#: Proxies between a sender and the collector. The bound on the head would allow 5,000.
MAX_HOPS: Final = 32

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which proxies a site trusts, and how much of an address it stores; see the settings."""

    client_ip: str = "truncate"
    trusted_proxies: tuple[IpNetwork, ...] = ()
    proxy_header: str = "x-forwarded-for"

    def sender(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> Address | None:
        """The sender's whole address."""
        return sender_address(peer, headers, self.trusted_proxies, self.proxy_header)

    def kept(self, sender: Address | None) -> str | None:
        """The part of the sender's address that the site stores."""
        return kept_address(sender, self.client_ip)


def sender_address(
    peer: str | None,
    headers: Iterable[tuple[bytes, bytes]],
    trusted: Sequence[IpNetwork],
    header: str,
) -> Address | None:
    """The right-most address that is not a trusted proxy's; None if it is not known.

    Each proxy adds its client's address on the right. So addresses left of the first untrusted one
    may be false.
    """
    sender = _parsed(peer or "")
    if sender is None or not _is_among(sender, trusted):
        return sender
    name = header.encode()
    said = b",".join(value for each, value in headers if each.lower() == name).decode("latin-1")
    if not said.strip():
        return sender
    for hop in reversed(said.split(",")[-MAX_HOPS:]):
        sender = _parsed(_forwarded_for(hop) if header == "forwarded" else hop)
        if sender is None or not _is_among(sender, trusted):
            return sender
    return sender


def kept_address(address: Address | None, policy: str) -> str | None:
    """The address as the site stores it: truncated to /24 or /48, whole, or not at all."""
    if address is None or policy == "drop":
        return None
    if policy == "keep":
        return str(address)
    dropped = address.max_prefixlen - (24 if address.version == 4 else 48)
    if isinstance(address, ipaddress.IPv6Address) and address.sixtofour:
        dropped += 8  # 6to4 has the whole IPv4 address in its first 48 bits
    return str(type(address)(int(address) >> dropped << dropped))


def _is_among(address: Address, networks: Sequence[IpNetwork]) -> bool:
    return any(address in network for network in networks)


def _forwarded_for(element: str) -> str:
    """The ``for`` of one element of a Forwarded header."""
    for pair in element.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for":
            return value.strip().strip('"')
    return ""


def _parsed(text: str) -> Address | None:
    """Parse an address with or without port, brackets and zone; None if it is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    text = text.partition("%")[0]
    try:
        # A third of the time that the module takes to read the text itself.
        if ":" not in text:
            return ipaddress.IPv4Address(socket.inet_pton(socket.AF_INET, text))
        address = ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        return None
    return address.ipv4_mapped or address
