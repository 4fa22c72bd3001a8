"""Logs of runs: whole, their end, a part of their bytes, or followed as they are written."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.byteranges import ranged_answer
from kfadapter.api.pauses import with_pauses
from kfadapter.errors import KubeflowInvalid, KubeflowNotFound, QueryRefused
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import Task
from kfadapter.runs.logs import Followed, FollowEnded, LogLines, TaskEnded, TaskLogs, begun, find_task, has_log
from kfadapter.runs.logtail import from_byte, last_lines
from kfadapter.service import Service

TEXT_TYPE = "text/plain; charset=utf-8"
STREAM_TYPE = "text/event-stream; charset=utf-8"
LOG_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The log; with `follow` a stream of its lines.",
        "content": {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "text/event-stream")},
    }
}
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# As the stream of events does.
SIGN_SECONDS = 15.0
MAX_TAIL = 1_000_000
LARGEST_OFFSET = 2**53
MAX_POSITION = 64 * 1024

TaskName = Annotated[str, Query(description="The task's name or id; without it the logs of all tasks.")]
Tail = Annotated[int | None, Query(ge=0, le=MAX_TAIL, description="Only so many last lines (of each task).")]
Offset = Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="From this byte on.")]
Follow = Annotated[bool, Query(description="Server-Sent Events, as lines are printed, until the task or run ends.")]


def log_router(service: Service) -> APIRouter:
    """The routes of logs."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    room = service.runs

    async def answer(run_id: str, request: Request, task: str, tail: int | None, offset: int, follow: bool) -> Response:
        run = await room.reader.run(run_id)
        if follow:
            position = _position(request.headers.get("last-event-id", ""))
            events = room.logs.follow(run_id, task or None, position)
            return StreamingResponse(_stream(events, tail), media_type=STREAM_TYPE, headers=STREAM_HEADERS)
        told = await room.reader.tasks(run)
        if not task:
            tasks = [one for one in told.tasks if has_log(one)]
            return StreamingResponse(_every_log(room.logs, run, tasks, tail), media_type=TEXT_TYPE)
        blocks = await begun(room.logs.blocks(run, find_task(told, task)))
        if tail is not None:
            return StreamingResponse(last_lines(blocks, tail), media_type=TEXT_TYPE)
        if offset:
            return StreamingResponse(from_byte(blocks, offset), media_type=TEXT_TYPE)
        return await ranged_answer(request, blocks, {"Content-Type": TEXT_TYPE})

    @router.get(
        "/{run_id}/logs",
        summary="What a task, or every task, of a run has printed",
        response_class=Response,
        responses=LOG_ANSWERS,
    )
    async def read_logs(
        run_id: str,
        request: Request,
        task: TaskName = "",
        tail: Tail = None,
        offset: Offset = 0,
        follow: Follow = False,
    ) -> Response:
        return await answer(run_id, request, task, tail, offset, follow)

    @router.get(
        "/{run_id}/tasks/{task}/log",
        summary="What a task has printed",
        response_class=Response,
        responses=LOG_ANSWERS,
    )
    async def read_log(
        run_id: str, task: str, request: Request, tail: Tail = None, offset: Offset = 0, follow: Follow = False
    ) -> Response:
        return await answer(run_id, request, task, tail, offset, follow)

    return router


async def _every_log(logs: TaskLogs, run: Run, tasks: list[Task], tail: int | None) -> AsyncGenerator[bytes, None]:
    """The logs of all tasks one after the other; each line begins with its task's name."""
    for task in tasks:
        prefix = f"{task.name} | ".encode()
        rest = b""
        try:
            async with aclosing(logs.blocks(run, task)) as blocks:
                async for block in blocks if tail is None else last_lines(blocks, tail):
                    *lines, rest = (rest + block).split(b"\n")
                    if lines:
                        yield b"".join(prefix + line + b"\n" for line in lines)
        except (KubeflowNotFound, KubeflowInvalid) as exc:
            yield prefix + f"(no log: {exc.reason})\n".encode()
        if rest:
            yield prefix + rest + b"\n"


async def _stream(
    events: AsyncIterator[Followed], tail: int | None, sign_seconds: float = SIGN_SECONDS
) -> AsyncGenerator[bytes, None]:
    """Events as Server-Sent Events. With `tail`, what was there before begins with so many last lines a task.

    While nothing is printed a comment comes every `sign_seconds`, so that nothing in between takes the stream for dead.
    """
    seen: set[str] = set()
    yield b": follows\n\n"
    async for event in with_pauses(events, sign_seconds):
        match event:
            case None:
                yield b": still follows\n\n"
            case LogLines():
                lines = event.lines
                if tail is not None and event.task.task_id not in seen:
                    lines = lines[len(lines) - min(tail, len(lines)) :]
                seen.add(event.task.task_id)
                data = {"task": event.task.name, "task_id": event.task.task_id, "lines": list(lines)}
                yield _event("log", data, event.position)
            case TaskEnded():
                data = {"task": event.task.name, "task_id": event.task.task_id, "state": event.task.state}
                yield _event("task", data, event.position)
            case FollowEnded():
                yield _event("end", {"state": event.state or None, "reason": event.reason or None}, None)


def _event(kind: str, data: Mapping[str, Any], position: Mapping[str, int] | None) -> bytes:
    id_ = "" if position is None else f"id: {json.dumps(dict(position), separators=(',', ':'))}\n"
    return f"event: {kind}\n{id_}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


def _position(text: str) -> dict[str, int]:
    """Where a stream that broke off is to go on: the id of its last event.

    Raises:
        QueryRefused: It is none of ours.
    """
    if not text:
        return {}
    try:
        document = json.loads(text) if len(text) <= MAX_POSITION else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(type(at) is int and at >= 0 for at in document.values()):
        raise QueryRefused("header/Last-Event-ID", "it is not the id of an event of this stream")
    return {str(task_id): at for task_id, at in document.items()}
