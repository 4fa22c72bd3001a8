"""The engine's ASGI application: finds the route, reads the body within limits, answers errors as KFP does.

The API answers below `/apis/v2beta1` and, as behind the server of KFP's UI, below `/pipeline/apis/v2beta1`.
"""

import asyncio
import traceback
from urllib.parse import parse_qsl

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kfadapter.engine.http.calls import Call, Route, RouteTable
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.http.routes import API_PREFIX, OLD_API_PREFIX, api_routes, frontdoor, old_api_routes
from kfadapter.engine.protocol.answers import plain, problem
from kfadapter.engine.protocol.faults import ApiError, Code
from kfadapter.errors import KFAdapterError

UI_PREFIX = "/pipeline"
ANY_API = "/apis/"
BODY_LIMIT_BYTES = 16 * 1024 * 1024
PACKAGE_LIMIT_BYTES = 64 * 1024 * 1024
BODY_TIMEOUT_SECONDS = 60.0
MAX_QUERY_FIELDS = 1000
NOT_SERVED = f"Not Found: v1beta1 of the API is not served here, use {API_PREFIX}"
TRACE_FRAMES = -20

_logger = structlog.get_logger(__name__)


class App:
    """The application.

    Args:
        parts: What the routes work with.
        body_timeout_seconds: A body must have come within this time.
    """

    def __init__(self, parts: Parts, *, body_timeout_seconds: float = BODY_TIMEOUT_SECONDS) -> None:
        self._parts = parts
        self._body_timeout_seconds = body_timeout_seconds
        self._apis = {API_PREFIX: RouteTable(api_routes()), OLD_API_PREFIX: RouteTable(old_api_routes())}
        self._front_door = RouteTable(frontdoor.ROUTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """An answer to anything; the outermost frame of a request."""
        try:
            return await self._routed(request)
        except ApiError as exc:
            return problem(exc)
        except KFAdapterError as exc:
            _logger.error("request failed", action="engine_request_failed", path=request.url.path, error=str(exc))
            return problem(ApiError(Code.INTERNAL, str(exc), str(exc)))
        except ClientDisconnect:
            raise
        except Exception as exc:  # noqa: BLE001 - a bug in one request must not look like a dead server
            trace = "".join(traceback.format_exception(exc, limit=TRACE_FRAMES))
            _logger.error("request failed", action="engine_request_failed", path=request.url.path, trace=trace)
            return problem(
                ApiError(Code.INTERNAL, f"InternalServerError: {type(exc).__name__}", "Internal Server Error")
            )

    async def _routed(self, request: Request) -> Response:
        path = request.scope["path"]
        if path.startswith(f"{UI_PREFIX}/"):
            path = path.removeprefix(UI_PREFIX)
        if not path.startswith(ANY_API):
            return await self._front(request, path)
        prefix = next((each for each in self._apis if path.startswith(f"{each}/")), None)
        if prefix is None:
            raise ApiError(Code.NOT_FOUND, "Not Found")
        try:
            found = self._apis[prefix].find(request.method, path.removeprefix(prefix))
        except LookupError as exc:
            raise ApiError(Code.UNIMPLEMENTED, "Method Not Allowed") from exc
        if found is None:
            raise ApiError(Code.NOT_FOUND, NOT_SERVED if prefix == OLD_API_PREFIX else "Not Found")
        return await found[0].handler(self._parts, await self._call(request, *found))

    async def _front(self, request: Request, path: str) -> Response:
        try:
            found = self._front_door.find("GET" if request.method == "HEAD" else request.method, path)
        except LookupError:
            return plain("405 method not allowed\n", 405)
        if found is None:
            return plain("404 page not found\n", 404)
        return await found[0].handler(self._parts, await self._call(request, *found))

    async def _call(self, request: Request, route: Route, parameters: dict[str, str]) -> Call:
        try:
            query = parse_qsl(
                request.scope["query_string"].decode("latin-1"),
                keep_blank_values=True,
                max_num_fields=MAX_QUERY_FIELDS,
            )
        except ValueError as exc:
            raise ApiError(Code.INVALID_ARGUMENT, f"invalid query: {exc}") from exc
        return Call(
            parameters=parameters,
            query=query,
            content_type=request.headers.get("content-type", ""),
            body=await self._body(request, PACKAGE_LIMIT_BYTES if route.spooled else BODY_LIMIT_BYTES),
            byte_range=request.headers.get("range", ""),
        )

    async def _body(self, request: Request, limit: int) -> bytes:
        """The whole body, within its limits of size and time."""
        if request.method in ("GET", "HEAD", "DELETE"):
            return b""
        declared = request.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self._body_timeout_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    chunks.append(chunk)
        except TimeoutError as exc:
            raise ApiError(Code.DEADLINE_EXCEEDED, "the request's body did not come in time", status=408) from exc
        return b"".join(chunks)


def _too_large(limit: int) -> ApiError:
    reason = f"the request's body is larger than {limit} bytes"
    return ApiError(Code.RESOURCE_EXHAUSTED, reason, reason, status=413)
