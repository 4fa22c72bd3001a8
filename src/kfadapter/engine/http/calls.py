"""One request as the routes see it, and the table that finds its route."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from kfadapter.engine.protocol.queries import QueryKind, read_query
from kfadapter.engine.protocol.wire import Message, read_body

if TYPE_CHECKING:
    from kfadapter.engine.http.parts import Parts

ANY_METHOD = "*"
LARGE_BODY_BYTES = 64 * 1024
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request whose route is known and whose body has been read.

    Attributes:
        parameters: What the path's braces matched.
        query: The query's pairs, decoded.
        content_type: The header as sent.
        body: Everything that was sent.
        byte_range: The header `Range` as sent.
    """

    parameters: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    content_type: str
    body: bytes
    byte_range: str = ""

    async def message(self, message: Message) -> dict[str, Any]:
        """The body as a message; a large one is read beside the event loop.

        Raises:
            Unreadable: It is not one.
        """
        if len(self.body) > LARGE_BODY_BYTES:
            return await asyncio.to_thread(read_body, self.body, message)
        return read_body(self.body, message)

    def given(self, fields: Mapping[str, QueryKind]) -> dict[str, Any]:
        """The declared query parameters.

        Raises:
            Unreadable: One is given twice or does not fit.
        """
        return read_query(self.query, fields)

    def text(self, name: str) -> str:
        """A query parameter as it is, for routes outside the gateway; empty when it is missing."""
        return next((value for key, value in self.query if key == name), "")

    def texts(self, name: str) -> list[str]:
        """Every value of a query parameter that may be given several times."""
        return [value for key, value in self.query if key == name]


Handler = Callable[["Parts", Call], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """A method and a path below the API's root, `{name}` standing for one segment (possibly an empty one).

    Attributes:
        spooled: The body may be as large as a package.
    """

    method: str
    path: str
    handler: Handler
    spooled: bool = False

    def compiled(self) -> re.Pattern[str]:
        """The path as an expression for whole paths; `{name...}` takes the rest."""
        pieces = _PARAMETER.split(self.path)
        literal, names = pieces[::2], pieces[1::2]
        pattern = re.escape(literal[0])
        for name, after in zip(names, literal[1:], strict=True):
            pattern += f"(?P<{name}>{'.+' if name == 'rest' else '[^/]*'})" + re.escape(after)
        return re.compile(pattern)


class RouteTable:
    """Finds routes, in the order they were given."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, route.compiled()) for route in routes]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route for a request, or None.

        Raises:
            LookupError: The path is known, the method is not.
        """
        known = False
        for route, pattern in self._routes:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method in (method, ANY_METHOD):
                return route, match.groupdict()
            known = True
        if known:
            raise LookupError(method)
        return None
