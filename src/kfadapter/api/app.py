"""The HTTP application: the Training Manager's routes at the root, everything else under /v1, errors always JSON."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from kfadapter import __version__
from kfadapter.api.answers import json_answer
from kfadapter.api.events import event_router, run_event_router
from kfadapter.api.eventstream import OpenStreams
from kfadapter.api.experiments import experiment_router
from kfadapter.api.health import HealthRoutes
from kfadapter.api.metrics import MeasuredApp, Metrics
from kfadapter.api.openapi import DocumentedAPI
from kfadapter.api.pipelines import pipeline_router
from kfadapter.api.problems import problem, problem_answer
from kfadapter.api.recurringruns import recurring_router
from kfadapter.api.routing import RouteGroup
from kfadapter.api.runs import RUN_ROUTERS
from kfadapter.api.server import server_router
from kfadapter.api.subscriptions import subscription_router
from kfadapter.api.trainingjobs import training_job_router
from kfadapter.api.trainingmanager import training_manager_routes
from kfadapter.api.uploads import upload_router
from kfadapter.api.versionfacets import facet_router
from kfadapter.api.versions import version_router
from kfadapter.errors import KFAdapterError
from kfadapter.service import Service

log = structlog.get_logger(__name__)


def create_app(service: Service) -> ASGIApp:
    """The application of an open service."""
    metrics = Metrics()
    app = DocumentedAPI(
        title="kfadapter",
        version=__version__,
        summary="The bridge between a Training Manager and Kubeflow Pipelines.",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.router.routes.extend(training_manager_routes(service))
    app.router.routes.extend(HealthRoutes(service, metrics).routes())
    app.router.routes.extend(_groups(service))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(KFAdapterError, _domain_error)
    app.add_exception_handler(TimeoutError, _domain_error)
    app.add_exception_handler(Exception, _unforeseen_error)
    return MeasuredApp(app, metrics)


def _groups(service: Service) -> Iterator[RouteGroup]:
    streams = OpenStreams()
    events, run_events = partial(event_router, streams=streams), partial(run_event_router, streams=streams)
    groups: dict[str, tuple[Callable[[Service], APIRouter], ...]] = {
        "/v1/pipelines": (upload_router, pipeline_router, version_router, facet_router),
        "/v1/experiments": (experiment_router,),
        "/v1/server": (server_router,),
        "/v1/events": (events,),
        "/v1/runs": (run_events, *RUN_ROUTERS),
        "/v1/recurring-runs": (recurring_router,),
        "/v1/training-jobs": (training_job_router,),
        "/v1/subscriptions": (subscription_router,),
    }
    for prefix, routers in groups.items():
        yield RouteGroup(prefix, [partial(router, service) for router in routers])


async def _http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for this type; tells the type checker
    reasons = {
        404: f"There is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }
    detail = reasons.get(exc.status_code, str(exc.detail))
    if request.url.path.startswith("/v1"):
        return problem_answer(status=exc.status_code, detail=detail, headers=exc.headers)
    body = {"status": exc.status_code, "message": detail}
    return json_answer(body, status=exc.status_code, headers=exc.headers)


async def _validation_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered for this type
    sent_as = request.headers.get("content-type", "")
    errors = [_mistake(one, sent_as) for one in exc.errors()]
    detail = "; ".join(f"{one['pointer']}: {one['detail']}" for one in errors)
    return problem_answer(status=422, detail=detail, kind="invalid-request", instance=request.url.path, errors=errors)


def _mistake(found: Mapping[str, Any], sent_as: str) -> dict[str, object]:
    """One of pydantic's findings, as a pointer and a sentence; `sent_as` is the body's content type."""
    if tuple(found["loc"]) == ("body",) and found["type"] != "missing" and "json" not in sent_as:
        came = f"it came as {sent_as}" if sent_as else "it came without a Content-Type"
        return {"pointer": "/body", "detail": f"the body has to be sent as application/json; {came}"}
    if found["type"] == "json_invalid":
        where, why = found["loc"][-1], found["ctx"]["error"]
        return {"pointer": "/body", "detail": f"it is not JSON: {why} (character {where})"}
    return {"pointer": "/" + "/".join(str(part) for part in found["loc"]), "detail": found["msg"]}


async def _domain_error(request: Request, exc: Exception) -> Response:
    log.info("request refused", action="request_refused", path=request.url.path, reason=str(exc))
    return problem(exc, instance=request.url.path)


async def _unforeseen_error(request: Request, exc: Exception) -> Response:
    log.error("request failed", action="request_failed", path=request.url.path, exc_info=exc)
    return problem(exc, instance=request.url.path)
