"""Where receivers may be: no subscription makes this service call what only its own network can reach.

A name says nothing about that: it may lead elsewhere at the next look-up. So what is checked is every address that a
connection is about to be made to, right before it is made; the name is only held against the list of allowed ones.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self
from urllib.parse import SplitResult, urlsplit

from kfadapter.errors import AddressRefused, SubscriptionRefused

URL_LIMIT = 2000
PRIVATE_SETTING = "KFADAPTER_WEBHOOK_PRIVATE_NETWORKS"
HOSTS_SETTING = "KFADAPTER_WEBHOOK_HOSTS"
# IPv6 addresses that lead to the IPv4 address in their last bits (RFC 6052).
NAT64 = IPv6Network("64:ff9b::/96")

IPAddress = IPv4Address | IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str | int | bytes, ...]]


class ForbiddenAddress(OSError):
    """A connection was about to be made to where none may lead; to the client library a failed connection."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The rules.

    Attributes:
        hosts: Names that receivers may have, `*` for anything; none given: any name.
        networks: Networks that are not public and are allowed all the same.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = field(default=())

    @classmethod
    def of(cls, hosts: Sequence[str], networks: Sequence[str]) -> Self:
        """The rules from settings."""
        return cls(
            hosts=tuple(host.lower() for host in hosts),
            networks=tuple(ip_network(network, strict=False) for network in networks),
        )

    def check_url(self, url: str) -> None:
        """Refuse a URL that no delivery could be sent to, as far as that can be seen without a look-up.

        Raises:
            SubscriptionRefused: It is no HTTP address.
            AddressRefused: Its host is not among the allowed ones, or an address that must not be called.
        """
        host = _parts(url).hostname or ""
        if self.hosts and not any(fnmatchcase(host, pattern) for pattern in self.hosts):
            raise AddressRefused("url", f"the host {host} is not one that {HOSTS_SETTING} allows")
        address = literal(host)
        if address is not None and not self.allows(address):
            raise AddressRefused("url", _reason(address))
        if host == "localhost" and not self.allows(IPv4Address("127.0.0.1")):
            raise AddressRefused("url", _reason(IPv4Address("127.0.0.1")))

    def allows(self, address: IPAddress) -> bool:
        """Whether a connection may lead to this address."""
        real = _embedded(address)
        if any(real in network for network in self.networks if network.version == real.version):
            return True
        return real.is_global and not real.is_multicast

    def open_socket(self, info: AddressInfo) -> socket.socket:
        """A socket for a connection to this address, which aiohttp is about to make.

        Raises:
            ForbiddenAddress: None may lead there.
        """
        family, kind, protocol, _, target = info
        address = ip_address(str(target[0]).partition("%")[0])
        if not self.allows(address):
            raise ForbiddenAddress(_reason(address))
        return socket.socket(family, kind, protocol)


def literal(host: str) -> IPAddress | None:
    """The address that a host is written as; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parts(url: str) -> SplitResult:
    if len(url) > URL_LIMIT or any(character <= " " or character == "\x7f" for character in url):
        raise SubscriptionRefused("url", f"must have at most {URL_LIMIT} characters and no blanks")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise SubscriptionRefused("url", f"cannot be read: {exc}") from exc
    if not is_usable:
        raise SubscriptionRefused("url", "must be an address such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise SubscriptionRefused("url", "must not hold a user name or password")
    if parts.fragment:
        raise SubscriptionRefused("url", "must not have a fragment")
    return parts


def _embedded(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address leads to; any other address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _reason(address: IPAddress) -> str:
    return f"{address} is not a public address; {PRIVATE_SETTING} can allow the network it is in"
