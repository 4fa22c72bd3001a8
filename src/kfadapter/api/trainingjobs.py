"""`/v1/training-jobs`: what the ledger knows of training jobs, their runs, and what the Training Manager was told."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.problems import BadRequest
from kfadapter.service import Service
from kfadapter.training.jobs import LARGEST_PAGE, PAGE_SIZE, TrainingJob, TrainingJobs, notification_json
from kfadapter.training.ledger_reads import JobFilter
from kfadapter.training.states import NotificationState, RunState

# PostgreSQL's integers end there, and nobody counts so far.
LARGEST_NUMBER = 2**31 - 1

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Jobs a page.")]
PageToken = Annotated[str, Query(description="`next_page_token` of the page before, with the same filters.")]
States = Annotated[list[RunState] | None, Query(description="Only jobs whose newest run is in one of these states.")]
Pipeline = Annotated[str, Query(description="Only jobs whose newest run is of this pipeline: its name or id.")]
Told = Annotated[
    list[NotificationState] | None, Query(description="Only jobs whose newest run's notification is in such a state.")
]
Number = Annotated[int, PathParameter(ge=1, le=LARGEST_NUMBER, description="The notification's `sequence`.")]


def training_job_router(service: Service) -> APIRouter:
    """The routes of training jobs."""
    router = APIRouter(
        prefix="/v1/training-jobs", tags=["training jobs"], route_class=BoundedRoute.of(service.settings)
    )
    jobs = service.jobs

    @router.get("", summary="Training jobs, newest execution first, each with its newest run")
    async def list_jobs(
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
        state: States = None,
        pipeline: Pipeline = "",
        notification: Told = None,
    ) -> Response:
        which = JobFilter(states=tuple(state or ()), pipeline=pipeline, told=tuple(notification or ()))
        page = await jobs.list(page_size=page_size, page_token=page_token, which=which)
        return json_answer(page.to_json())

    @router.get("/{job_id}", summary="A training job with its runs, their states, history and deliveries")
    async def read_job(job_id: str) -> Response:
        return json_answer((await found(jobs, job_id)).to_json())

    @router.get("/{job_id}/events", summary="What happened to a training job, oldest first")
    async def read_events(job_id: str) -> Response:
        job = await found(jobs, job_id)
        events = [{"run_id": one.run.run_id, **event.to_json()} for one in job.runs for event in one.events]
        return json_answer({"events": sorted(events, key=lambda event: event["number"])})

    @router.get("/{job_id}/notifications", summary="What the Training Manager was told, with tries and answers")
    async def read_notifications(job_id: str) -> Response:
        job = await found(jobs, job_id)
        told = [
            {"run_id": one.run.run_id, **notification_json(one.notification, one.attempts)}
            for one in reversed(job.runs)
            if one.notification is not None
        ]
        return json_answer({"notifications": sorted(told, key=lambda one: one["sequence"])})

    @router.post(
        "/{job_id}/notifications/{number}:redeliver", status_code=202, summary="Tell the Training Manager once more"
    )
    async def redeliver(job_id: str, number: Number) -> Response:
        notification = await jobs.redeliver(job_id, number)
        if notification is None:
            raise BadRequest(f"Training job {job_id} has no notification {number}", status=404)
        body = {"run_id": notification.run_id, **notification_json(notification, ())}
        return json_answer(body, status=202)

    return router


async def found(jobs: TrainingJobs, job_id: str) -> TrainingJob:
    """The job with its history.

    Raises:
        BadRequest: Nobody ever asked for it (404).
    """
    job = await jobs.get(job_id)
    if job is None:
        raise BadRequest(f"There is no training job {job_id}", status=404)
    return job
