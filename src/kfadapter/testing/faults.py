"""Faults a fake server can be told to show, and the record of what it was asked.

A `FaultScript` holds the faults and a `RequestLog` every request seen; `FaultLayer` is the ASGI layer that applies
both around an application. All three are used by a test's thread and by the server's at the same time.
"""

import asyncio
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Self, cast
from urllib.parse import parse_qs

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kfadapter.clock import Clock, SystemClock
from kfadapter.testing.loopback import TRANSPORT_EXTENSION, reset_connection

WAIT_SECONDS = 10.0
LOGIN_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form>...</form></body></html>\n"
FLOOD_BLOCK = b'{"pipelines":[' + b" " * 65_536


class FaultKind(Enum):
    """What goes wrong."""

    HANG = "hang"  # no answer until the client leaves or the server stops
    RESET = "reset"  # a TCP reset instead of an answer
    CLOSE = "close"  # the connection is closed in order, without an answer
    ANSWER = "answer"  # another answer than the application's
    CUT = "cut"  # full Content-Length, half of the body, then closed
    TRICKLE = "trickle"  # headers at once, then the body one byte at a time, without end
    FLOOD = "flood"  # a body that never ends, as fast as it is read
    DELAY = "delay"  # the application's own answer, later


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault; made by the class methods."""

    kind: FaultKind
    code: int = 200
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    seconds: float = 0.0

    @classmethod
    def hang(cls) -> Self:
        """Never answer."""
        return cls(kind=FaultKind.HANG)

    @classmethod
    def reset(cls) -> Self:
        """Reset the connection."""
        return cls(kind=FaultKind.RESET)

    @classmethod
    def close(cls) -> Self:
        """Close the connection without an answer, as a server does whose keep-alive time is over."""
        return cls(kind=FaultKind.CLOSE)

    @classmethod
    def cut(cls) -> Self:
        """Promise a whole answer and close after half of it."""
        return cls(kind=FaultKind.CUT)

    @classmethod
    def trickle(cls, *, seconds: float = 0.05) -> Self:
        """Send a byte every so many seconds, without end."""
        return cls(kind=FaultKind.TRICKLE, seconds=seconds)

    @classmethod
    def flood(cls) -> Self:
        """Send without end."""
        return cls(kind=FaultKind.FLOOD)

    @classmethod
    def delay(cls, seconds: float) -> Self:
        """Act and answer properly, but so many seconds later; with `after`, act at once and answer late."""
        return cls(kind=FaultKind.DELAY, seconds=seconds)

    @classmethod
    def answer(cls, status: int, body: bytes | str, *, content_type: str, headers: Mapping[str, str] = {}) -> Self:
        """Answer exactly this."""
        content = body.encode() if isinstance(body, str) else body
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        return cls(
            kind=FaultKind.ANSWER,
            code=status,
            body=content,
            headers=((b"content-type", content_type.encode()), *pairs),
        )

    @classmethod
    def status(cls, status: int, body: bytes | str = "", *, headers: Mapping[str, str] = {}) -> Self:
        """Answer this status with a text, as a proxy does."""
        return cls.answer(status, body or f"status {status}\n", content_type="text/plain", headers=headers)

    @classmethod
    def html(cls, status: int = 200) -> Self:
        """Answer a login page."""
        return cls.answer(status, LOGIN_PAGE, content_type="text/html; charset=utf-8")

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Self:
        """Send the caller elsewhere."""
        return cls.answer(status, b"", content_type="text/html", headers={"location": location})


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """A request as it arrived.

    Attributes:
        path: Percent-decoded, with the server's prefix.
        target: Path and query as sent.
        at: When it was complete, by the fake's clock.
    """

    method: str
    path: str
    target: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    def json(self) -> Any:
        """The decoded body."""
        return orjson.loads(self.body)


class RequestLog:
    """Every request a fake has seen, in order of arrival."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._seen: list[SeenRequest] = []
        self._changed = threading.Condition()

    def add(self, scope: Scope, body: bytes) -> SeenRequest:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        request = SeenRequest(
            method=scope["method"],
            path=scope["path"],
            target=target.decode("ascii"),
            query=parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            at=self._clock.now(),
        )
        with self._changed:
            self._seen.append(request)
            self._changed.notify_all()
        return request

    @property
    def all(self) -> list[SeenRequest]:
        with self._changed:
            return list(self._seen)

    def matching(self, method: str | None = None, path: str = "") -> list[SeenRequest]:
        """The requests with this method whose path the regular expression finds."""
        return [seen for seen in self.all if _fits(seen.method, seen.path, method, path)]

    def clear(self) -> None:
        with self._changed:
            self._seen.clear()

    def wait_for(
        self, method: str | None = None, path: str = "", *, count: int = 1, within: float = WAIT_SECONDS
    ) -> list[SeenRequest]:
        """Block until so many such requests were seen, and return them.

        Raises:
            TimeoutError: They did not come in `within` seconds.
        """
        deadline = time.monotonic() + within
        with self._changed:
            while len(found := self.matching(method, path)) < count:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"saw {len(found)} of {count} requests {method or ''} {path}")
        return found

    async def seen(
        self, method: str | None = None, path: str = "", *, count: int = 1, within: float = WAIT_SECONDS
    ) -> list[SeenRequest]:
        """`wait_for` for coroutines."""
        return await asyncio.to_thread(self.wait_for, method, path, count=count, within=within)


@dataclass(kw_only=True)
class _Rule:
    fault: Fault
    method: str | None
    path: str
    after: bool
    left: int | None = field(default=1)


class FaultScript:
    """Which requests fail, how, and how often. The first rule that fits a request is used."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        times: int | None = 1,
        after: bool = False,
    ) -> None:
        """Let requests fail.

        Args:
            fault: What goes wrong.
            method: The HTTP method; None: any.
            path: Regular expression searched in the decoded path; empty: any.
            times: How many requests; None: every one until `clear`.
            after: The call takes effect first, then its answer fails.
        """
        with self._lock:
            self._rules.append(_Rule(fault=fault, method=method, path=path, after=after, left=times))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> tuple[Fault, bool] | None:
        """The fault for this request and whether it comes after the effect; uses the rule up by one."""
        with self._lock:
            for rule in self._rules:
                if rule.left != 0 and _fits(method, path, rule.method, rule.path):
                    rule.left = None if rule.left is None else rule.left - 1
                    return rule.fault, rule.after
        return None


class FaultLayer:
    """ASGI layer: records each request, then lets the script decide how it is answered."""

    def __init__(self, app: ASGIApp, script: FaultScript, log: RequestLog) -> None:
        self._app = app
        self._script = script
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive)
        self._log.add(scope, body)
        taken = self._script.take(scope["method"], scope["path"])
        if taken is None:
            await self._app(scope, _replayed(body, receive), send)
            return
        fault, after = taken
        if fault.kind is FaultKind.DELAY and not after:
            await asyncio.sleep(fault.seconds)
            await self._app(scope, _replayed(body, receive), send)
            return
        answer = await self._answer(scope, body, receive) if after or _cuts_a_read(fault, scope) else None
        await _Failing(scope, receive, send).show(fault, answer)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive) -> "_Answer":
        """Let the application act and keep what it says."""
        answer = _Answer()
        await self._app(scope, _replayed(body, receive), answer.take)
        return answer


class _Answer:
    """The application's answer, kept back."""

    def __init__(self) -> None:
        self.start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


class _Failing:
    """One request on its way to going wrong."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._transport = cast("asyncio.Transport", scope["extensions"][TRANSPORT_EXTENSION])
        self._receive = receive
        self._send = send

    async def show(self, fault: Fault, answer: _Answer | None) -> None:
        match fault.kind:
            case FaultKind.HANG:
                pass
            case FaultKind.RESET:
                reset_connection(self._transport)
            case FaultKind.CLOSE:
                self._transport.close()
            case FaultKind.ANSWER:
                return await self._whole(fault.code, fault.headers, fault.body)
            case FaultKind.CUT:
                await self._cut(answer)
            case FaultKind.TRICKLE:
                return await self._trickle(fault.seconds)
            case FaultKind.FLOOD:
                return await self._flood()
            case FaultKind.DELAY if answer is not None:
                await asyncio.sleep(fault.seconds)
                return await self._whole(answer.start["status"], tuple(answer.start["headers"]), answer.body)
        await self._gone()
        return None

    async def _whole(self, status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
        sized = [pair for pair in headers if pair[0] != b"content-length"]
        sized.append((b"content-length", str(len(body)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": sized})
        await self._send({"type": "http.response.body", "body": body})

    async def _cut(self, answer: _Answer | None) -> None:
        body = answer.body if answer is not None and answer.body else b'{"cut":"here"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        self._transport.close()

    async def _trickle(self, seconds: float) -> None:
        gone = asyncio.ensure_future(self._gone())
        headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        while not gone.done():
            await self._send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.wait({gone}, timeout=seconds)

    async def _flood(self) -> None:
        gone = asyncio.ensure_future(self._gone())
        headers = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        while not gone.done():
            await self._send({"type": "http.response.body", "body": FLOOD_BLOCK, "more_body": True})
            await asyncio.sleep(0)

    async def _gone(self) -> None:
        """Return when the connection has ended."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _whole_body(receive: Receive) -> bytes:
    parts = bytearray()
    more = True
    while more:
        message = await receive()
        parts += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that hands out the body that was read already, then what comes next: the disconnect."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return given.pop() if given else await receive()

    return replay


def _cuts_a_read(fault: Fault, scope: Scope) -> bool:
    """Half an answer to a read is half of the application's own."""
    return fault.kind is FaultKind.CUT and scope["method"] == "GET"


def _fits(method: str, path: str, wanted_method: str | None, wanted_path: str) -> bool:
    return wanted_method in (None, method) and re.search(wanted_path, path) is not None
