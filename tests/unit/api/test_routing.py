"""Groups of routes: made when they are first asked for, and found as if they stood in the application itself."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from kfadapter.api.routing import RouteGroup, each_route


def first() -> APIRouter:
    router = APIRouter(prefix="/things")

    @router.post("")
    async def make() -> str:
        return "made"

    @router.get("/named")
    async def read_named() -> str:
        return "named"

    return router


def second() -> APIRouter:
    router = APIRouter(prefix="/things")

    @router.get("")
    async def read_all() -> str:
        return "all"

    @router.get("/{thing}")
    async def read(thing: str) -> str:
        return thing

    return router


@pytest.fixture
def group() -> RouteGroup:
    return RouteGroup("/things", [first, second])


@pytest.fixture
async def http(group: RouteGroup) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.router.routes.append(group)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        yield client


async def test_a_group_is_made_when_it_is_asked_for(group: RouteGroup, http: httpx.AsyncClient) -> None:
    assert (await http.get("/other")).status_code == 404
    assert "routes" not in vars(group)
    assert (await http.get("/things/one")).json() == "one"
    made = group.routes
    assert (await http.get("/things/two")).json() == "two"
    assert group.routes is made


async def test_earlier_routes_go_before_and_methods_are_looked_for_in_all(http: httpx.AsyncClient) -> None:
    assert (await http.get("/things/named")).json() == "named"
    assert (await http.get("/things")).json() == "all"
    assert (await http.post("/things")).json() == "made"


async def test_the_first_route_of_a_path_refuses_other_methods(http: httpx.AsyncClient) -> None:
    answer = await http.put("/things")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert (await http.get("/things/one/more")).status_code == 404


def test_the_routes_of_groups_are_listed_in_their_places(group: RouteGroup) -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/before", lambda: None)
    app.router.routes.append(group)
    app.add_api_route("/after", lambda: None)
    paths = [getattr(route, "path", None) for route in each_route(app.routes)]
    assert paths == ["/before", "/things", "/things/named", "/things", "/things/{thing}", "/after"]
