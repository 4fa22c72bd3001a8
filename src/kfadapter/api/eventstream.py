"""Answers without an end: event streams to readers that may be slow, go away, or be there when the server stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kfadapter.api.problems import BadRequest
from kfadapter.httpserver import ABORT, STOPPING

# A reader that has not taken a block for so long is dropped; it can come back and go on where it was.
SLOWEST_SECONDS = 30.0
STREAMS_AT_ONCE = 1000
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class OpenStreams:
    """How many streams are open; one more than allowed is refused."""

    def __init__(self, limit: int = STREAMS_AT_ONCE) -> None:
        self._limit = limit
        self.count = 0

    def check(self) -> None:
        """Refuse when all are taken.

        Raises:
            BadRequest: With status 503.
        """
        if self.count >= self._limit:
            raise BadRequest(f"{self._limit} event streams are open, which is all there may be", status=503)


class EventStream(Response):
    """Sends blocks as they come, until the reader goes away, is too slow, or the server stops.

    Args:
        blocks: What to send; closed at the end.
        streams: Where the stream is counted.
        slowest_seconds: How long a reader may leave a block untaken.
    """

    media_type = "text/event-stream"

    def __init__(
        self, blocks: AsyncGenerator[bytes, None], streams: OpenStreams, *, slowest_seconds: float = SLOWEST_SECONDS
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._blocks = blocks
        self._streams = streams
        self._slowest_seconds = slowest_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.count += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._serve(scope, receive, send)
        finally:
            self._streams.count -= 1
            await self._blocks.aclose()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        writing = asyncio.create_task(self._write(send), name="event-stream")
        leaving = asyncio.create_task(_gone(receive))
        stopping = asyncio.create_task(scope.get(STOPPING, asyncio.Event()).wait())
        tasks = {writing, leaving, stopping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not writing.cancelled() and isinstance(writing.exception(), TimeoutError):
            await _drop(scope)
        elif not leaving.done() or leaving.cancelled():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        async for block in self._blocks:
            async with asyncio.timeout(self._slowest_seconds):
                await send({"type": "http.response.body", "body": block, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drop(scope: Scope) -> None:
    """End a connection whose reader takes nothing: an orderly end would wait until it has read everything."""
    abort = (scope.get("extensions") or {}).get(ABORT, {}).get("abort")
    if abort is not None:
        abort()
        await asyncio.sleep(0)  # the server hears of it in its next turn
