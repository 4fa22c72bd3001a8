"""The one place that talks HTTP to Kubeflow: time limits, bounded retries, bounded answers, errors translated.

Reads share a pool of kept-alive connections and are repeated when the network or the server stumbles. Writes go over a
connection of their own, so that no idle connection that is being closed can swallow one, and are repeated only when
the request surely did not leave.
"""

import asyncio
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import aiohttp
import orjson
import structlog
from yarl import URL

from kfadapter.clock import Clock, SystemClock
from kfadapter.errors import (
    KubeflowError,
    KubeflowInterrupted,
    KubeflowMalformed,
    KubeflowNotFound,
    KubeflowTimeout,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.backoff import ATTEMPTS, Deadline, pause_seconds, retry_after_seconds
from kfadapter.kubeflow.calls import Call, Query, encoded, multipart
from kfadapter.kubeflow.parts import RANGE_NOT_SATISFIABLE, Part
from kfadapter.kubeflow.patience import note_wait
from kfadapter.kubeflow.refusals import LOGIN_HINT, looks_like_html, readable, refusal

API: Final = "/apis/v2beta1"
CONNECTIONS: Final = 100
ANSWER_LIMIT_BYTES: Final = 64 * 1024 * 1024
BLOCK_BYTES: Final = 65_536
# Node's servers (the UI's proxy) and uvicorn close an idle connection after 5 s: let go of it first.
KEEP_ALIVE_SECONDS: Final = 4.0
REPEATABLE: Final = frozenset({429, 502, 503, 504})
HTML_PAGE: Final = f"Kubeflow answered with an HTML page; {LOGIN_HINT}"

Document = dict[str, Any]
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, read to its end.

    Attributes:
        headers: By name in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(kw_only=True)
class _Progress:
    """How far a request has come; aiohttp's trace hands it to `_note_sent`."""

    was_sent: bool = False


class Connection:
    """Sends calls to one Kubeflow Pipelines API.

    Args:
        base_url: With or without a path prefix, as `http://ml-pipeline-ui.kubeflow:80/pipeline`.
        timeout_seconds: Limit for a whole call, retries included, when the caller gives no deadline.
        clock: Tells the time for `Retry-After` dates.
        answer_limit_bytes: Larger answers are not read to their end.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 10.0,
        clock: Clock | None = None,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._clock = clock or SystemClock()
        self._limit = answer_limit_bytes
        self._reads: aiohttp.ClientSession | None = None
        self._writes: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pools; nothing is sent."""
        if self._reads is None:
            self._reads = _session(
                aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=10)
            )
            self._writes = _session(aiohttp.TCPConnector(limit=CONNECTIONS, force_close=True, ttl_dns_cache=10))

    async def close(self) -> None:
        """Close every connection."""
        for session in (self._reads, self._writes):
            if session is not None:
                await session.close()
        self._reads = self._writes = None

    def deadline(self) -> Deadline:
        """The usual limit for one operation, counted from now."""
        return Deadline.after(self.timeout_seconds)

    async def get(self, path: str, query: Query | None = None, *, deadline: Deadline | None = None) -> Document:
        """Read a JSON object.

        Raises:
            KubeflowError: One of its kinds; see `kfadapter.errors`.
        """
        return await self._object(Call(method="GET", path=API + path, query=query or {}), deadline)

    async def post(
        self,
        path: str,
        document: Mapping[str, object] | None = None,
        query: Query | None = None,
        *,
        deadline: Deadline | None = None,
    ) -> Document:
        """Send a JSON object and read the one that comes back."""
        body = encoded(document or {})
        call = Call(method="POST", path=API + path, query=query or {}, body=body, content_type="application/json")
        return await self._object(call, deadline)

    async def patch(self, path: str, document: Mapping[str, object], *, deadline: Deadline | None = None) -> Document:
        """Change a thing; what comes back is the whole of it."""
        call = Call(method="PATCH", path=API + path, query={}, body=encoded(document), content_type="application/json")
        return await self._object(call, deadline)

    async def upload(
        self, path: str, query: Query, file_name: str, content: bytes, *, deadline: Deadline | None = None
    ) -> Document:
        """Send a file as KFP's multipart field `uploadfile`."""
        content_type, body = multipart(file_name, content)
        call = Call(method="POST", path=API + path, query=query, body=body, content_type=content_type)
        return await self._object(call, deadline)

    async def delete(self, path: str, query: Query | None = None, *, deadline: Deadline | None = None) -> None:
        """Delete a thing."""
        await self._object(Call(method="DELETE", path=API + path, query=query or {}), deadline)

    async def front_door(
        self, path: str, query: Query, *, allow_html: bool = False, part: Part | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Stream what the server in front of the API has at a path outside of it (logs, artifacts).

        The time limit counts up to the headers, and again between any two blocks.

        Args:
            path: Below the base URL, percent-encoded.
            query: Not encoded.
            allow_html: A page may be the thing itself, and is then not taken for a login page.
            part: What is wanted of it; is told what came, before the first block does.

        Raises:
            KubeflowNotFound: It has no such thing, or there is only the bare API server.
        """
        call = Call(method="GET", path=path, query=query, byte_range=part.byte_range if part else "")
        async with self._front_door_answer(call) as response:
            if part is not None:
                part.take(response.status, response.headers.get("Content-Range", ""))
                if part.is_beyond:
                    return
            if not allow_html and looks_like_html(response.headers.get("Content-Type", ""), b""):
                raise KubeflowMalformed(HTML_PAGE, status=response.status)
            while block := await self._next_block(response):
                yield block

    @asynccontextmanager
    async def _front_door_answer(self, call: Call) -> AsyncIterator[aiohttp.ClientResponse]:
        progress = _Progress()
        deadline = self.deadline()
        with _translated(self.base_url, progress, deadline):
            async with asyncio.timeout_at(deadline.at):
                response = await self._send(call, progress)
        try:
            is_beyond = response.status == RANGE_NOT_SATISFIABLE and call.byte_range != ""
            if not 200 <= response.status < 300 and not is_beyond:
                with _translated(self.base_url, progress, deadline):
                    async with asyncio.timeout_at(deadline.at):
                        answer = await self._read(response)
                raise _front_door_refusal(answer)
            yield response
        finally:
            response.close()

    async def _next_block(self, response: aiohttp.ClientResponse) -> bytes:
        deadline = self.deadline()
        with _translated(self.base_url, _Progress(was_sent=True), deadline):
            async with asyncio.timeout_at(deadline.at):
                return await response.content.readany()

    async def ask(self, call: Call, *, deadline: Deadline) -> Answer:
        """Send something else than the API's JSON, as gRPC-web, and read what comes back with a status of 2xx.

        Raises:
            KubeflowError: One of its kinds, by the status; see `kfadapter.errors`.
        """
        return await self._repeated(call, deadline, lambda answer: answer)

    async def _object(self, call: Call, deadline: Deadline | None) -> Document:
        """The answer's JSON object."""
        return await self._repeated(call, deadline or self.deadline(), lambda answer: _document(call, answer))

    async def _repeated(self, call: Call, limit: Deadline, read: Callable[[Answer], T]) -> T:
        """What is read from the answer, after as many attempts as the call and the time allow."""
        if limit.left() <= 0:
            raise KubeflowTimeout(f"Kubeflow's answers took longer than {limit.seconds:g} s altogether")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return read(await self._exchange(call, limit))
            except _Refused as exc:
                failure, retry_after = exc.error, exc.retry_after
            except KubeflowError as exc:
                failure, retry_after = exc, None
            asked = retry_after_seconds(retry_after, self._clock.now())
            pause = pause_seconds(attempt) if asked is None else asked
            if attempt == ATTEMPTS or not _may_repeat(call, failure) or pause >= limit.left():
                raise failure
            log.debug("read repeated", action="kubeflow_retry", path=call.path, reason=failure.reason, pause=pause)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def _exchange(self, call: Call, deadline: Deadline) -> Answer:
        """One attempt; a refusal of the server's is raised with what it says about trying again."""
        progress = _Progress()
        try:
            with _translated(self.base_url, progress, deadline):
                async with asyncio.timeout_at(deadline.at):
                    async with await self._send(call, progress) as response:
                        answer = await self._read(response)
        except asyncio.CancelledError as exc:
            note_wait(exc, self.base_url)
            raise
        if 200 <= answer.status < 300:
            return answer
        raise _Refused(refusal(answer.status, answer.content_type, answer.body), answer.headers.get("retry-after"))

    async def _send(self, call: Call, progress: _Progress) -> aiohttp.ClientResponse:
        session = self._reads if call.is_read else self._writes
        if session is None:
            raise RuntimeError("the Kubeflow client is not open")
        return await session.request(
            call.method,
            URL((call.base_url or self.base_url) + call.target, encoded=True),
            data=_payload(call.body),
            headers=call.headers or None,
            allow_redirects=False,
            trace_request_ctx=progress,
        )

    async def _read(self, response: aiohttp.ClientResponse) -> Answer:
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=await self._bounded(response),
        )

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_chunked(BLOCK_BYTES):
            parts.append(part)
            size += len(part)
            if size > self._limit:
                response.close()
                raise KubeflowMalformed(
                    f"Kubeflow's answer is larger than {self._limit // 1024 // 1024} MiB", status=response.status
                )
        return b"".join(parts)


class _Refused(Exception):
    """An error answer on its way to the decision whether to repeat the call."""

    def __init__(self, error: KubeflowError, retry_after: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


@contextmanager
def _translated(base_url: str, progress: _Progress, deadline: Deadline) -> Iterator[None]:
    """Turn aiohttp's and the event loop's errors into ours, knowing whether the request had left."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as exc:
        raise _translation(exc, URL(base_url).authority, progress, deadline) from exc


def _translation(error: Exception, where: str, progress: _Progress, deadline: Deadline) -> KubeflowError:
    is_late = isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError)
    if not progress.was_sent:
        why = f"no connection within {deadline.seconds:g} s" if is_late else cause_of(error)
        return KubeflowUnavailable(f"Kubeflow at {where} cannot be reached: {why}", never_arrived=True)
    if isinstance(error, TimeoutError):
        return KubeflowTimeout(f"Kubeflow at {where} did not answer within {deadline.seconds:g} s")
    if isinstance(error, aiohttp.ClientPayloadError):
        return KubeflowInterrupted(f"Kubeflow at {where} broke off in the middle of its answer")
    if isinstance(error, aiohttp.ClientResponseError):
        return KubeflowMalformed(f"what answers at {where} does not speak HTTP as Kubeflow does: {error.message}")
    return KubeflowInterrupted(f"the connection to Kubeflow at {where} broke before its answer came")


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_sent)
    return aiohttp.ClientSession(
        connector=connector,
        # The deadline of each call is the only limit; it also covers retries and pages.
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "kfadapter"},
        trace_configs=[trace],
    )


async def _note_sent(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Called before the first byte of a request is written."""
    if context.trace_request_ctx.was_sent:
        # aiohttp sends idempotent methods, DELETE among them, once more by itself. When to repeat is decided here.
        raise aiohttp.ServerDisconnectedError("not sent a second time")
    context.trace_request_ctx.was_sent = True


def _may_repeat(call: Call, failure: KubeflowError) -> bool:
    if isinstance(failure, KubeflowUnavailable) and failure.never_arrived:
        return True
    if not call.is_read:
        return False
    return isinstance(failure, KubeflowInterrupted) or failure.status in REPEATABLE


def _document(call: Call, answer: Answer) -> Document:
    if not answer.body.strip() and not call.is_read:
        return {}
    if looks_like_html(answer.content_type, answer.body):
        raise KubeflowMalformed(HTML_PAGE, status=answer.status)
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError as exc:
        raise KubeflowMalformed(
            "Kubeflow answered with something that is not JSON, or is cut off", status=answer.status
        ) from exc
    if not isinstance(document, dict):
        raise KubeflowMalformed("Kubeflow answered with JSON that is not an object", status=answer.status)
    return document


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body is written in pieces, so that other calls go on meanwhile."""
    return io.BytesIO(body) if body is not None and len(body) > BLOCK_BYTES else body


def _front_door_refusal(answer: Answer) -> KubeflowError:
    error = refusal(answer.status, answer.content_type, answer.body)
    if answer.status != 404:
        return error
    if "json" in answer.content_type:
        reason = "this Kubeflow is the bare API server: logs and artifacts come from the UI's server in front of it"
        return KubeflowNotFound(reason, status=404)
    if looks_like_html(answer.content_type, answer.body):
        return KubeflowNotFound("not found", status=404)
    return KubeflowNotFound(readable(answer.body[:4096].decode("utf-8", "replace")) or "not found", status=404)


def cause_of(error: BaseException) -> str:
    """The operating system's word for it, without aiohttp's own frame around it."""
    inner = getattr(error, "os_error", None) or error
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
