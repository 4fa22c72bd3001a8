"""One run, read live: with its tasks, its timeline, and waiting for it to change."""

import asyncio
import hashlib
import re
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import encode, json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.conditional import is_known, not_modified
from kfadapter.api.runs.bodies import run_body, task_body, timeline_body
from kfadapter.api.schemas.runs import RunShape, TaskDetailShape, TaskList
from kfadapter.runs.details import RunDetail
from kfadapter.runs.logs import find_task
from kfadapter.runs.timeline import timeline
from kfadapter.runs.waiting import LONGEST_WAIT_SECONDS, fingerprint
from kfadapter.service import Service

Wait = Annotated[
    float,
    Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Seconds to wait for a change of the run or of a task."),
]
_PREFER = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?')


def reading_router(service: Service) -> APIRouter:
    """The routes that read one run."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"])
    bounded = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    room, clock, limit = service.runs, service.clock, service.settings.request_timeout_seconds

    @router.get("/{run_id}", summary="A run with everything about it", response_model=RunShape)
    async def read_run(run_id: str, request: Request, wait: Wait = 0.0) -> Response:
        async with asyncio.timeout(limit):
            detail = await room.reader.detail(run_id)
        tag = _tag(detail)
        seconds = wait or _preferred(request)
        is_same = "if-none-match" not in request.headers or is_known(request, tag)
        if seconds and is_same and not detail.run.has_ended:
            known = fingerprint(detail.run, detail.tasks)
            await room.watch.changed(run_id, known, seconds=seconds)
            async with asyncio.timeout(limit):
                detail = await room.reader.detail(run_id)
            tag = _tag(detail)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if seconds:
            headers["Preference-Applied"] = f"wait={seconds:g}"
        if is_known(request, tag):
            return not_modified(headers)
        return json_answer(run_body(detail), headers=headers)

    @bounded.get("/{run_id}/tasks", summary="The tasks of a run", response_model=TaskList)
    async def list_tasks(run_id: str) -> Response:
        detail = await room.reader.detail(run_id)
        gaps = [one.to_json() for one in detail.unavailable if one.what == "tasks"]
        return json_answer({"tasks": [task_body(task) for task in detail.tasks], "unavailable": gaps})

    @bounded.get(
        "/{run_id}/tasks/{task}",
        summary="A task by its name or id: inputs, outputs, metrics, attempts",
        response_model=TaskDetailShape,
    )
    async def read_task(run_id: str, task: str) -> Response:
        told = await room.reader.tasks(await room.reader.run(run_id))
        gaps = [{"what": "task", "reason": sentence} for sentence in told.unavailable]
        return json_answer({**task_body(find_task(told, task)), "unavailable": gaps})

    @bounded.get("/{run_id}/timeline", summary="The tasks on one line of time, and what decided how long it took")
    async def read_timeline(run_id: str) -> Response:
        run = await room.reader.run(run_id)
        tasks = await room.reader.tree(run)
        line = timeline(tasks, run.created_at, run.finished_at if run.has_ended else None, clock.now())
        return json_answer(timeline_body(run_id, run.state, line))

    bounded.routes.extend(router.routes)
    return bounded


def _tag(detail: RunDetail) -> str:
    return f'"{hashlib.sha256(encode(run_body(detail))).hexdigest()[:32]}"'


def _preferred(request: Request) -> float:
    """`Prefer: wait=30` (RFC 7240); 0 when it is not there."""
    found = _PREFER.search(request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else 0.0
