"""`/v1/training-jobs`: what the ledger knows of training jobs, their runs, and what the Training Manager was told."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.problems import BadRequest
from kfadapter.service import Service
from kfadapter.training.jobs import LARGEST_PAGE, PAGE_SIZE

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Jobs a page.")]
PageToken = Annotated[str, Query(description="`next_page_token` of the page before.")]


def training_job_router(service: Service) -> APIRouter:
    """The routes of training jobs."""
    router = APIRouter(
        prefix="/v1/training-jobs", tags=["training jobs"], route_class=BoundedRoute.of(service.settings)
    )
    jobs = service.jobs

    @router.get("", summary="Training jobs, newest execution first, each with its newest run")
    async def list_jobs(page_size: PageSize = PAGE_SIZE, page_token: PageToken = "") -> Response:
        page = await jobs.list(page_size=page_size, page_token=page_token)
        return json_answer(page.to_json())

    @router.get("/{job_id}", summary="A training job with its runs, their history and deliveries")
    async def read_job(job_id: str) -> Response:
        job = await jobs.get(job_id)
        if job is None:
            raise BadRequest(f"There is no training job {job_id}", status=404)
        return json_answer(job.to_json())

    return router
