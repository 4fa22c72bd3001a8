"""The Training Manager as one that is told of ends: one call, and what its answer means.

AIMLFW's Training Manager answers a failed run, an unknown job and its own troubles all with 500 and a JSON object
that holds `Error`: it has understood, and asking again changes nothing. Everything else that is not a success comes
from something in between, or from a server that is not ready, and is tried again.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import aiohttp

from kfadapter.kubeflow.backoff import retry_after_seconds
from kfadapter.kubeflow.connection import cause_of

PATH = "/trainingjob/pipelineNotification"
HEADERS = {"content-type": "application/json", "Accept-Charset": "UTF-8"}
ANSWER_LIMIT_BYTES = 16 * 1024
SUCCESS_BODY_SECONDS = 2.0
RETRY_AFTER_LIMIT_SECONDS = 3600.0
# Statuses of a server that is not there just now; the request has had no effect.
AWAY = frozenset({429, 502, 503, 504})


class Verdict(StrEnum):
    """What a try to deliver means."""

    DELIVERED = "delivered"  # the Training Manager has understood
    RETRY = "retry"  # it was away or in trouble
    RETRY_SLOWLY = "retry_slowly"  # it may have understood, or a person must repair something first


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a try to deliver went.

    Attributes:
        status: HTTP status; None when there was no answer.
        text: The answer's body, or what happened instead.
        is_unreachable: There was no Training Manager to talk to.
        retry_after_seconds: How long it asked to be left alone; None when it did not.
    """

    verdict: Verdict
    status: int | None
    text: str
    is_unreachable: bool = False
    retry_after_seconds: float | None = None


class TrainingManager:
    """Tells the Training Manager of ends. Use it as `async with`, or call `open` and `close`.

    Args:
        base_url: `http://host:port`, with or without a path.
        timeout_seconds: Limit for one notification; the Training Manager calls others while it answers.
    """

    def __init__(self, base_url: str, timeout_seconds: float = 60.0) -> None:
        self._url = base_url.rstrip("/") + PATH
        self.timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Get ready; sends nothing."""
        if self._session is None:
            # A new connection for each call: a kept one that the server has just closed would look like a failure.
            connector = aiohttp.TCPConnector(limit=0, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, headers=HEADERS, auto_decompress=True)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def notify(self, payload: Mapping[str, Any]) -> Answer:
        """Send one notification, once. Never raises for what the other side does."""
        if self._session is None:
            raise RuntimeError("the Training Manager's client is not open")
        try:
            async with asyncio.timeout(self.timeout_seconds) as limit:
                return await self._post(self._session, json.dumps(payload).encode(), limit)
        except TimeoutError:
            text = f"no answer within {self.timeout_seconds:g} s"
            return Answer(verdict=Verdict.RETRY_SLOWLY, status=None, text=text)
        except aiohttp.ClientConnectorError as exc:
            return Answer(
                verdict=Verdict.RETRY, status=None, text=f"no connection: {cause_of(exc)}", is_unreachable=True
            )
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
            return Answer(verdict=Verdict.RETRY_SLOWLY, status=None, text=f"the address cannot be used: {exc}")
        except (aiohttp.ClientError, OSError) as exc:
            text = f"the connection broke: {type(exc).__name__}: {exc}"
            return Answer(verdict=Verdict.RETRY, status=None, text=text, is_unreachable=True)

    async def _post(self, session: aiohttp.ClientSession, body: bytes, limit: asyncio.Timeout) -> Answer:
        timeout = aiohttp.ClientTimeout(total=None)
        async with session.post(self._url, data=body, allow_redirects=False, timeout=timeout) as response:
            if 200 <= response.status < 300:
                limit.reschedule(None)
                content = await _of_success(response)
            else:
                content = await _bounded(response)
            return judge(response.status, response.headers, content)


def judge(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    """What an answer means.

    A 2xx that is a web page is a login page in between, and a redirect or a 4xx a wrong address: these are tried
    again slowly, until a person has repaired it.
    """
    text = content.decode("utf-8", "replace").strip()
    if 200 <= status < 300:
        is_page = headers.get("Content-Type", "").lower().startswith("text/html")
        return Answer(verdict=Verdict.RETRY_SLOWLY if is_page else Verdict.DELIVERED, status=status, text=text)
    if status == 500 and _is_own_error(content):
        return Answer(verdict=Verdict.DELIVERED, status=status, text=text)
    if status in AWAY:
        pause = _retry_after(headers.get("Retry-After"))
        return Answer(verdict=Verdict.RETRY, status=status, text=text, is_unreachable=True, retry_after_seconds=pause)
    verdict = Verdict.RETRY if status >= 500 else Verdict.RETRY_SLOWLY
    return Answer(verdict=verdict, status=status, text=text)


async def _of_success(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer whose status has said all: a body that is cut off or trickles must not be told twice."""
    try:
        async with asyncio.timeout(SUCCESS_BODY_SECONDS):
            return await _bounded(response)
    except (TimeoutError, aiohttp.ClientError, OSError):
        return b""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body; the rest of an endless one is not waited for."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) >= ANSWER_LIMIT_BYTES:
            break
    return bytes(content[:ANSWER_LIMIT_BYTES])


def _is_own_error(content: bytes) -> bool:
    try:
        document = json.loads(content)
    except ValueError:
        return False
    return isinstance(document, dict) and "Error" in document


def _retry_after(value: str | None) -> float | None:
    """What the header asks for, bounded; None when it says nothing useful."""
    seconds = retry_after_seconds(value, datetime.now(UTC))
    return None if seconds is None else min(seconds, RETRY_AFTER_LIMIT_SECONDS)
