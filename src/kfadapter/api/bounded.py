"""Routes under /v1: every handler has to answer within the request timeout."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from kfadapter.settings import Settings


class BoundedRoute(APIRoute):
    """A route whose handler is ended with a TimeoutError when it takes too long; a stream may go on after it."""

    timeout_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "type[BoundedRoute]":
        """The route class for these settings."""
        return type("BoundedRoute", (cls,), {"timeout_seconds": settings.request_timeout_seconds})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            async with asyncio.timeout(self.timeout_seconds):
                return await handle(request)

        return bounded
