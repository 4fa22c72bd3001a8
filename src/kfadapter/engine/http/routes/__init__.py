"""The routes, one module a resource, and the table of all of them."""

from kfadapter.engine.http.calls import Route
from kfadapter.engine.http.routes import experiments, health, pipelines, recurringruns, runs, tasks, uploads, versions

API_PREFIX = "/apis/v2beta1"


def api_routes() -> tuple[Route, ...]:
    """Every route below `/apis/v2beta1`; those with an action or a fixed word come before those with an id."""
    modules = (health, uploads, versions, pipelines, experiments, tasks, runs, recurringruns)
    return tuple(route for module in modules for route in module.ROUTES)
