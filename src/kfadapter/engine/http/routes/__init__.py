"""The routes, one module a resource, and the table of all of them."""

from kfadapter.engine.http.calls import Route
from kfadapter.engine.http.routes import (
    experiments,
    health,
    nodes,
    pipelines,
    preflight,
    recurringruns,
    runs,
    sidelines,
    tasks,
    uploads,
    versions,
)

API_PREFIX = "/apis/v2beta1"
OLD_API_PREFIX = "/apis/v1beta1"


def api_routes() -> tuple[Route, ...]:
    """Every route below `/apis/v2beta1`; those with an action or a fixed word come before those with an id."""
    modules = (
        health,
        sidelines,
        uploads,
        preflight,
        versions,
        pipelines,
        experiments,
        tasks,
        nodes,
        runs,
        recurringruns,
    )
    return tuple(route for module in modules for route in module.ROUTES)


def old_api_routes() -> tuple[Route, ...]:
    """The routes below `/apis/v1beta1`: what clients of v2beta1 still ask for there."""
    return (*health.ROUTES, *sidelines.ROUTES, *nodes.ROUTES)
