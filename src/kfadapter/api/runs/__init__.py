"""`/v1/runs`: runs as data."""

from kfadapter.api.runs.artifacts import artifact_router
from kfadapter.api.runs.changes import change_router
from kfadapter.api.runs.lists import list_router
from kfadapter.api.runs.logs import log_router
from kfadapter.api.runs.reading import reading_router
from kfadapter.api.runs.starts import start_router

RUN_ROUTERS = (list_router, start_router, change_router, log_router, artifact_router, reading_router)
"""What makes the routes of runs."""
