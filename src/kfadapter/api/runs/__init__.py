"""`/v1/runs`: runs as data."""

from fastapi import APIRouter

from kfadapter.api.runs.artifacts import artifact_router
from kfadapter.api.runs.changes import change_router
from kfadapter.api.runs.lists import list_router
from kfadapter.api.runs.logs import log_router
from kfadapter.api.runs.reading import reading_router
from kfadapter.api.runs.starts import start_router
from kfadapter.service import Service

ROUTERS = (list_router, start_router, change_router, log_router, artifact_router, reading_router)


def run_router(service: Service) -> APIRouter:
    """All routes of runs."""
    router = APIRouter()
    for make in ROUTERS:
        router.include_router(make(service))
    return router
