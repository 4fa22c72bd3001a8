"""How a package comes from an address whose host has been looked up and checked (packages.py says what is allowed)."""

import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

from kfadapter.engine.protocol.faults import invalid
from kfadapter.engine.protocol.templates import FILE_LIMIT_BYTES


class Download:
    """The connections of one fetch; a context manager. Made in a thread: it reads the certificates of this machine.

    Args:
        seconds: Each step (to connect, to read) takes no longer.
    """

    def __init__(self, *, seconds: float) -> None:
        self._client = httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=seconds)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, url: str, addresses: Sequence[IPv4Address | IPv6Address]) -> bytes | str:
        """What is there, or where it has gone to.

        Args:
            url: An http or https address.

            addresses: The numbers of its host, at least one; each is tried until one can be connected to.

        Raises:
            ApiError: The answer is no success, or is too large.

            OSError: Nobody answers, or not in HTTP.
        """
        *others, last = addresses
        try:
            for address in others:
                try:
                    return await self._get_from(url, address)
                except httpx.ConnectError:
                    continue
            return await self._get_from(url, last)
        except httpx.HTTPError as exc:
            raise OSError(str(exc) or type(exc).__name__) from exc

    async def _get_from(self, url: str, address: IPv4Address | IPv6Address) -> bytes | str:
        """The connection goes to the number that was checked; name and certificate stay those of the host."""
        parts = urlsplit(url)
        target = httpx.URL(url).copy_with(host=str(address))
        headers = {"host": parts.netloc, "accept-encoding": "identity"}
        names = {"sni_hostname": str(parts.hostname)}
        async with self._client.stream("GET", target, headers=headers, extensions=names) as answer:
            if answer.is_redirect:
                return urljoin(url, str(answer.headers.get("location", "")))
            if answer.status_code != httpx.codes.OK:
                status = f"{answer.status_code} {answer.reason_phrase}"
                raise invalid(f"error fetching pipeline spec from {url} - request returned {status}")
            return await _read(answer)


async def _read(answer: httpx.Response) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > FILE_LIMIT_BYTES:
            raise invalid(f"the package is larger than {FILE_LIMIT_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
