"""Packages from addresses: fetched only from below the addresses that a setting allows.

An address that a caller names is a way into the network of the engine. So nothing is fetched unless it is allowed, the
host is looked up once and the connection goes to what was found, addresses that are not public need to be named by
number in the setting (or as localhost), redirects are checked like the first address, and size and time are limited.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

import structlog

from kfadapter.engine.protocol.faults import internal, invalid
from kfadapter.engine.protocol.templates import UnreadableFile, open_file
from kfadapter.errors import EngineError

if TYPE_CHECKING:
    from kfadapter.engine.download import Download

FETCH_SECONDS = 30.0
REDIRECTS = 3
PORTS = {"http": 80, "https": 443}
LOCALHOST = "localhost"
NAT64 = ipaddress.ip_network("64:ff9b::/96")
REFUSED = "Pipeline URL validation failed"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_logger = structlog.get_logger(__name__)


class NotAllowed(Exception):
    """Nothing is fetched from there; says why."""


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """An address below which packages may be fetched."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def read(cls, text: str) -> Self:
        """A prefix from the setting.

        Raises:
            EngineError: It is no http or https address.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError) as exc:
            raise EngineError(f"packages cannot be allowed from {text}: it is no address") from exc
        if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise EngineError(f"packages cannot be allowed from {text}: it is no address such as https://host/path/")
        return cls(scheme=parts.scheme, host=parts.hostname, port=port, path=parts.path.rstrip("/") + "/")

    @property
    def names_its_address(self) -> bool:
        """The host is a number, or this machine: its operator knows that it is not public."""
        return self.host == LOCALHOST or _number(self.host) is not None

    def covers(self, parts: SplitResult) -> bool:
        """Whether an address lies below."""
        place = (parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme))
        return place == (self.scheme, self.host, self.port) and parts.path.startswith(self.path)


class Packages:
    """Fetches packages.

    Args:
        allowed: Prefixes of addresses, `https://host/path/`; none: nothing is fetched.

        seconds: A fetch takes no longer, redirects and all.

    Raises:
        EngineError: One is no address.
    """

    def __init__(self, allowed: Sequence[str] = (), *, seconds: float = FETCH_SECONDS) -> None:
        self._seconds = seconds
        self._allowed = tuple(Prefix.read(text) for text in allowed)

    async def fetch(self, url: str) -> bytes:
        """The YAML or JSON in the package at an address.

        Raises:
            ApiError: It is no address, is not allowed, cannot be reached in time, or holds no package.
        """
        parts = _parts(url)
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._follow(url)
        except NotAllowed as exc:
            _logger.warning("package not fetched", action="engine_package_refused", url=url, reason=str(exc))
            # KFP's words; with a list of one's own it helps to hear more.
            raise invalid(f"{REFUSED}: {exc}" if self._allowed else REFUSED) from exc
        except (TimeoutError, OSError) as exc:
            raise internal(f"error downloading the pipeline spec from {url}: {str(exc) or type(exc).__name__}") from exc
        try:
            return await asyncio.to_thread(open_file, basename(parts.path), content)
        except UnreadableFile as exc:
            raise invalid(f"the package at {url} cannot be read: {exc}") from exc

    async def _follow(self, url: str) -> bytes:
        async with await asyncio.to_thread(_open_download, self._seconds) as download:
            asked = url
            for _ in range(REDIRECTS + 1):
                content = await download.get(asked, await self._checked(urlsplit(asked)))
                if isinstance(content, bytes):
                    return content
                asked = content
        raise NotAllowed(f"more than {REDIRECTS} redirects")

    async def _checked(self, parts: SplitResult) -> list[Address]:
        """The numbers of an allowed address' host."""
        if parts.username is not None or "%" in parts.path or "\\" in parts.path or ".." in parts.path.split("/"):
            raise NotAllowed("user names, escapes and steps upwards are not allowed in the address of a package")
        prefix = next((each for each in self._allowed if each.covers(parts)), None)
        if prefix is None:
            raise NotAllowed("it is not below an address of KFADAPTER_ENGINE_PACKAGE_URLS")
        found = await asyncio.get_running_loop().getaddrinfo(prefix.host, prefix.port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(each[4][0]) for each in found]
        hidden = [each for each in addresses if not _is_public(each)]
        if hidden and not prefix.names_its_address:
            raise NotAllowed(f"{prefix.host} leads to {hidden[0]}, which is not public")
        return list(dict.fromkeys(addresses))


def _open_download(seconds: float) -> "Download":
    # Most engines never fetch a package: they do without an HTTP client in memory.
    from kfadapter.engine.download import Download

    return Download(seconds=seconds)


def _parts(url: str) -> SplitResult:
    """An address in its parts: absolute, or a path, as Go's ParseRequestURI takes it."""
    try:
        parts = urlsplit(url)
        is_address = bool(parts.scheme or url.startswith("/")) and not any(ch <= " " for ch in url)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        raise invalid(f"invalid pipeline spec URL: {url}")
    return parts


def _number(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    """Whether an address lies in the open internet; one that wraps another counts as that."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return _is_public(inner)
    return address.is_global and not address.is_multicast
