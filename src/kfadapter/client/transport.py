"""Sending calls: the only part that differs between a client that waits and one that awaits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx

from kfadapter.client.calls import Answer, Call
from kfadapter.client.errors import ClientError, NoAnswer, refusal
from kfadapter.client.results import Page
from kfadapter.errors import SettingsError
from kfadapter.settings import adapter_url

T = TypeVar("T")
CONNECT_SECONDS = 5.0
# A stream of events gives a sign of life every fifteen seconds.
STREAM_TIMEOUT = httpx.Timeout(60.0, connect=CONNECT_SECONDS)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Fetch: TypeAlias = Callable[[str], Page[T]]
AsyncFetch: TypeAlias = Callable[[str], Awaitable[Page[T]]]


class Sender:
    """Sends calls and waits."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            ClientError: No answer, or a refusal.
        """
        limit = _limit(call, self._client.timeout)
        started = time.monotonic()
        try:
            with self._client.stream(call.method, call.path, **_parts(call)) as response:
                body = bytearray()
                for block in response.iter_bytes():
                    body += block
                    if limit is not None and time.monotonic() - started > limit:
                        raise NoAnswer(f"{self._client.base_url}", _too_late(limit))
        except httpx.HTTPError as exc:
            raise NoAnswer(f"{self._client.base_url}", _reason(exc)) from exc
        return _read(call, response, bytes(body))

    @contextmanager
    def stream(self, call: Call[T]) -> Iterator[httpx.Response]:
        """An answer that is read as it comes; raises as a call does, also while it is read."""
        try:
            with self._client.stream(call.method, call.path, timeout=STREAM_TIMEOUT, **_parts(call)) as response:
                if not response.is_success:
                    raise refusal(str(response.request.url), response.status_code, response.read())
                yield response
        except httpx.HTTPError as exc:
            raise NoAnswer(f"{self._client.base_url}", _reason(exc)) from exc


class AsyncSender:
    """Sends calls and awaits."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, call: Call[T]) -> T:
        """The call's result; raises as `Sender`."""
        limit = _limit(call, self._client.timeout)
        try:
            async with asyncio.timeout(limit):
                response = await self._client.request(call.method, call.path, **_parts(call))
        except httpx.HTTPError as exc:
            raise NoAnswer(f"{self._client.base_url}", _reason(exc)) from exc
        except TimeoutError as exc:
            raise NoAnswer(f"{self._client.base_url}", _too_late(limit)) from exc
        return _read(call, response, response.content)

    @asynccontextmanager
    async def stream(self, call: Call[T]) -> AsyncIterator[httpx.Response]:
        """As `Sender.stream`, and raises as that."""
        try:
            async with self._client.stream(call.method, call.path, timeout=STREAM_TIMEOUT, **_parts(call)) as response:
                if not response.is_success:
                    raise refusal(str(response.request.url), response.status_code, await response.aread())
                yield response
        except httpx.HTTPError as exc:
            raise NoAnswer(f"{self._client.base_url}", _reason(exc)) from exc


def every(fetch: Fetch[T]) -> Iterator[T]:
    """The items of all pages; a page is fetched when it is needed."""
    token: str | None = ""
    while token is not None:
        page = fetch(token)
        yield from page.items
        token = page.next_page_token or None


async def every_async(fetch: AsyncFetch[T]) -> AsyncIterator[T]:
    """The items of all pages; a page is fetched when it is needed."""
    token: str | None = ""
    while token is not None:
        page = await fetch(token)
        for item in page.items:
            yield item
        token = page.next_page_token or None


def client_url(host: str | None) -> str:
    """The adapter's address, as given or as `KFADAPTER_URL` says.

    Raises:
        ClientError: It is no address.
    """
    try:
        return adapter_url(host)
    except SettingsError as exc:
        raise ClientError(f"host {exc.reason}" if host else str(exc)) from exc


def client_options(
    url: str, timeout_seconds: float, headers: Mapping[str, str] | None, token: str | None, verify_ssl: bool
) -> dict[str, Any]:
    """What both of httpx's clients are made with."""
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    return {
        "base_url": url,
        "timeout": httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds)),
        "headers": sent,
        "verify": verify_ssl,
        "trust_env": urlsplit(url).hostname not in LOOPBACK,  # no proxy leads to this machine's own loopback
    }


def _parts(call: Call[Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {"params": call.query(), "headers": {"Accept": call.accept, **call.headers}}
    if call.document is not None:
        parts["json"] = call.document
    if call.file is not None:
        parts["files"] = {"file": call.file}
    if call.content is not None:
        parts["content"] = call.content
    return parts


def _limit(call: Call[Any], timeout: httpx.Timeout) -> float | None:
    """Seconds for the whole of an answer; httpx limits only how long it pauses."""
    return None if call.is_bulk else timeout.read


def _too_late(limit: float | None) -> str:
    return f"the whole of it did not come within {limit:g} s"


def _read(call: Call[T], response: httpx.Response, body: bytes) -> T:
    if not response.is_success:
        raise refusal(str(response.request.url), response.status_code, body)
    return call.read(Answer(status=response.status_code, headers=response.headers, body=body))


def _reason(error: httpx.HTTPError) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
