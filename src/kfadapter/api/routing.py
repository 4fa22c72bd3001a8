"""Routes: those whose answers are made by hand, and groups of others that are made when they are first asked for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from fastapi import APIRouter
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class PlainRoute(Route):
    """A route that names itself in the request's scope, as FastAPI's do; metrics are counted by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL:
            child_scope["route"] = self
        return match, child_scope


class RouteGroup(BaseRoute):
    """The routes of some routers whose paths all begin alike.

    FastAPI analyses the parameters and answers of every route it makes, which is most of the work of building an
    application. A group is made when the first request for it comes, or the one for the document of all routes; a
    request looks only at the routes of its group.

    Args:
        prefix: What the paths of all its routes begin with, and those of no other group.
        routers: Each makes one of its routers; a route of an earlier one goes before.
    """

    def __init__(self, prefix: str, routers: Sequence[Callable[[], APIRouter]]) -> None:
        self.prefix = prefix
        self._routers = routers

    @cached_property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes; made once."""
        return tuple(route for router in self._routers for route in router().routes)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not scope["path"].startswith(self.prefix):
            return Match.NONE, {}
        found: tuple[Match, Scope] = Match.NONE, {}
        for route in self.routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return match, {**child_scope, "route": route}
            if match is Match.PARTIAL and found[0] is Match.NONE:  # another method's: the first one says which
                found = match, {**child_scope, "route": route}
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        route: BaseRoute = scope["route"]
        await route.handle(scope, receive, send)


def each_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """These routes, and those inside of groups in their places."""
    for route in routes:
        if isinstance(route, RouteGroup):
            yield from route.routes
        else:
            yield route
