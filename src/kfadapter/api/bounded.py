"""Routes under /v1: every handler has to answer within the request timeout, and reads only so much of a body."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from kfadapter.api.requests import LimitedBody
from kfadapter.errors import PackageTooLarge
from kfadapter.settings import Settings


class BoundedRoute(APIRoute):
    """A route whose handler is ended with a TimeoutError when it takes too long; a stream may go on after it.

    A body may be as large as an uploaded package: a run may bring its specification along.
    """

    timeout_seconds: float
    body_limit_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> "type[BoundedRoute]":
        """The route class for these settings."""
        limits = {
            "timeout_seconds": settings.request_timeout_seconds,
            "body_limit_bytes": settings.upload_limit_bytes,
        }
        return type("BoundedRoute", (cls,), limits)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            async with asyncio.timeout(self.timeout_seconds):
                return await handle(await self._limited(request))

        return bounded

    async def _limited(self, request: Request) -> Request:
        if request.method in ("GET", "DELETE"):
            return request
        body = LimitedBody(request, self.body_limit_bytes)
        await body.refuse_declared_excess(self.body_limit_bytes)

        async def receive() -> Message:
            try:
                return await body.receive()
            except PackageTooLarge as exc:
                # FastAPI reads the body, and takes any other error there for one of syntax.
                raise HTTPException(413, str(exc)) from exc

        return Request(request.scope, receive)
