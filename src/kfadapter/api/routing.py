"""Routes whose answers are made by hand: no models in between, and no redirects for slashes."""

from starlette.routing import Match, Route
from starlette.types import Scope


class PlainRoute(Route):
    """A route that names itself in the request's scope, as FastAPI's do; metrics are counted by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL:
            child_scope["route"] = self
        return match, child_scope
