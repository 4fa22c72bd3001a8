"""What every route of the Training Manager has in common: a limit of time, and errors told in its shape."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.problems import BadRequest, problem
from kfadapter.api.routing import PlainRoute
from kfadapter.api.trainingmanager.errors import error_answer
from kfadapter.errors import KFAdapterError

Handler = Callable[[Request], Awaitable[Response]]
Payload = Callable[[Request], Mapping[str, object]]

log = structlog.get_logger(__name__)


def unsupported(_: Request) -> Mapping[str, object]:
    """Upstream's mark of an error that belongs to no single thing."""
    return {"ext": 1}


def about(key: str, parameter: str) -> Payload:
    """Upstream's mark of the thing an error is about: `{"payload": {key: the path parameter}}`."""
    return lambda request: {"payload": {key: request.path_params[parameter]}}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One route.

    Attributes:
        method: HTTP method.
        path: Path with its parameters.
        handle: Answers the request.
        payload: What an error body names beside its message.
        is_problem: True where errors go out as RFC 9457 problem details.
        is_bounded: False where the handler minds the time itself.
    """

    method: str
    path: str
    handle: Handler
    payload: Payload = unsupported
    is_problem: bool = False
    is_bounded: bool = True

    def route(self, timeout_seconds: float) -> PlainRoute:
        """The route to mount."""

        async def endpoint(request: Request) -> Response:
            try:
                async with asyncio.timeout(timeout_seconds if self.is_bounded else None):
                    return await self.handle(request)
            except (KFAdapterError, TimeoutError) as exc:
                self._log(request, exc)
                return problem(exc) if self.is_problem else error_answer(exc, self.payload(request))
            except Exception as exc:  # the outermost frame of a request: the caller gets JSON
                log.exception("request failed", action="request_failed", path=request.url.path)
                return problem(exc) if self.is_problem else error_answer(exc, self.payload(request))

        return PlainRoute(self.path, endpoint, methods=[self.method], name=f"{self.method} {self.path}")

    def _log(self, request: Request, error: Exception) -> None:
        level = log.info if isinstance(error, BadRequest) else log.warning
        level(
            "request refused",
            action="request_refused",
            method=request.method,
            path=request.url.path,
            error=type(error).__name__,
            reason=str(error),
        )
