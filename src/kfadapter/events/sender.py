"""One delivery to one receiver: a signed POST, and what its answer means."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from kfadapter import __version__
from kfadapter.events.addresses import Addresses
from kfadapter.events.envelope import CONTENT_TYPE
from kfadapter.kubeflow.backoff import retry_after_seconds
from kfadapter.kubeflow.connection import cause_of

ANSWER_LIMIT_BYTES = 2048
HEADER_LIMIT_BYTES = 16 * 1024
RETRY_AFTER_LIMIT_SECONDS = 24 * 3600.0
LOOK_UPS_AT_ONCE = 32
GONE = 410
# Answers of a server that is not ready just now, or of something in front of it.
AWAY = frozenset({408, 425, 429})

LookUp = Callable[[str, int], list[tuple[int, str]]]


class Outcome(StrEnum):
    """What a try means."""

    DELIVERED = "delivered"  # the receiver has it
    REFUSED = "refused"  # the receiver is there and does not want this one, or the address is wrong
    UNREACHABLE = "unreachable"  # the receiver is away or in trouble: the next ones need not be tried now
    GONE = "gone"  # the receiver wants nothing any more
    INTERRUPTED = "interrupted"  # this service stopped while the answer was awaited


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a try went.

    Attributes:
        status: HTTP status; None when there was no answer.
        text: The beginning of the answer's body, or what happened instead.
        retry_after_seconds: How long the receiver asked to be left alone.
    """

    outcome: Outcome
    status: int | None
    text: str
    retry_after_seconds: float | None = None


class Sender:
    """Sends to receivers, each time over a connection of its own to an address that was looked up and checked for it.

    Redirects are not followed, and of an answer only the beginning is read. Use it as `async with`.

    Args:
        timeout_seconds: Limit for a whole try, the look-up of the name included.
        look_up: Finds a name's addresses, as (family, address); None: the machine's own way.
    """

    def __init__(self, addresses: Addresses, *, timeout_seconds: float, look_up: LookUp | None = None) -> None:
        self._addresses = addresses
        self.timeout_seconds = timeout_seconds
        self._look_up = look_up or _look_up
        self._session: aiohttp.ClientSession | None = None
        # Threads of its own: names whose servers hang must not keep others from being looked up.
        self._threads = ThreadPoolExecutor(LOOK_UPS_AT_ONCE, thread_name_prefix="webhook-names")

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,
            force_close=True,
            use_dns_cache=False,
            resolver=_Resolver(self._look_up, self._threads),
            socket_factory=self._addresses.open_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=HEADER_LIMIT_BYTES,
            max_field_size=HEADER_LIMIT_BYTES,
            headers={"content-type": CONTENT_TYPE, "user-agent": f"kfadapter/{__version__}"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once. Never raises for what the other side does."""
        if self._session is None:
            raise RuntimeError("the sender is not open")
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._post(self._session, url, headers, body)
        except TimeoutError:
            return _unreachable(f"no answer within {self.timeout_seconds:g} s")
        except aiohttp.ClientConnectorError as exc:
            return _unreachable(f"no connection: {cause_of(exc)}")
        except aiohttp.InvalidURL as exc:
            return Answer(outcome=Outcome.REFUSED, status=None, text=f"the address cannot be used: {exc}")
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # An answer that is not HTTP comes with a message; its text would repeat the URL, which may hold a token.
            text = exc.message if isinstance(exc, aiohttp.ClientResponseError) else str(exc)
            return _unreachable(f"the connection broke: {type(exc).__name__}: {text[:200]}")

    async def _post(self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        timeout = aiohttp.ClientTimeout(total=None)
        async with session.post(url, data=body, headers=headers, allow_redirects=False, timeout=timeout) as response:
            return judge(response.status, response.headers, await _beginning(response))


def judge(status: int, headers: Mapping[str, str], text: str) -> Answer:
    """What an answer means. Whatever a 2xx says, the receiver has it: many answer a page of HTML."""
    if 200 <= status < 300:
        return Answer(outcome=Outcome.DELIVERED, status=status, text=text)
    if status == GONE:
        return Answer(outcome=Outcome.GONE, status=status, text=text)
    if status >= 500 or status in AWAY:
        pause = retry_after_seconds(headers.get("Retry-After"), datetime.now(UTC))
        bounded = None if pause is None else min(pause, RETRY_AFTER_LIMIT_SECONDS)
        return Answer(outcome=Outcome.UNREACHABLE, status=status, text=text, retry_after_seconds=bounded)
    if 300 <= status < 400:
        text = f"a redirect to {headers.get('Location', 'nowhere')[:200]}, which is not followed"
    return Answer(outcome=Outcome.REFUSED, status=status, text=text)


def _unreachable(text: str) -> Answer:
    return Answer(outcome=Outcome.UNREACHABLE, status=None, text=text)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The beginning of the body. The status alone decides: a body that breaks or never ends does not matter."""
    content = bytearray()
    try:
        async with asyncio.timeout(2):
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) >= ANSWER_LIMIT_BYTES:
                    break
    except (aiohttp.ClientError, TimeoutError, OSError):
        pass
    return bytes(content[:ANSWER_LIMIT_BYTES]).decode("utf-8", "replace").strip()


class _Resolver(AbstractResolver):
    """Looks names up anew for every connection, in threads of its own."""

    def __init__(self, look_up: LookUp, threads: ThreadPoolExecutor) -> None:
        self._look_up = look_up
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._look_up, host, port)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0, flags=int(socket.AI_NUMERICHOST)
            )
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nothing to close: whoever made the threads ends them."""


def _look_up(host: str, port: int) -> list[tuple[int, str]]:
    found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(int(family), str(target[0])) for family, _, _, _, target in found]
