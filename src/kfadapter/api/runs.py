"""`/v1/runs`: one run with its tasks, their logs, and stopping it as an operator."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.logtail import last_lines
from kfadapter.api.runstarts import RunStarter
from kfadapter.api.schemas.runs import NewRun, StartedRun
from kfadapter.api.times import rfc3339
from kfadapter.errors import KubeflowNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import RunTasks, Task
from kfadapter.service import Service
from kfadapter.training.records import TrainingRun

TEXT_TYPE = "text/plain; charset=utf-8"
MAX_TAIL = 1_000_000

TaskName = Annotated[str, Query(description="The task's name or id.", min_length=1)]
Tail = Annotated[int | None, Query(ge=0, le=MAX_TAIL, description="Only so many last lines.")]


def run_router(service: Service) -> APIRouter:
    """The routes of runs."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    kubeflow, ledger = service.kubeflow, service.ledger
    starter = RunStarter(kubeflow, service.catalog, service.clock)

    @router.post(
        "",
        status_code=201,
        summary="Start a run of a pipeline, or of a specification that is sent along",
        response_model=StartedRun,
    )
    async def start_run(asked: NewRun) -> Response:
        return json_answer(await starter.start(asked), status=201)

    @router.get("/{run_id}", summary="A run with its tasks")
    async def read_run(run_id: str) -> Response:
        run = await kubeflow.runs.get(run_id)
        tasks = await kubeflow.tasks.of(run)
        return json_answer(run_body(run, tasks, await ledger.run(run_id)))

    @router.get("/{run_id}/logs", summary="What a task of a run has printed", response_class=Response)
    async def read_log(run_id: str, task: TaskName, tail: Tail = None) -> Response:
        run = await kubeflow.runs.get(run_id)
        wanted = find_task(await kubeflow.tasks.of(run), task)
        blocks = await begun(task_log(kubeflow, run, wanted))
        return StreamingResponse(blocks if tail is None else last_lines(blocks, tail), media_type=TEXT_TYPE)

    @router.post("/{run_id}:terminate", status_code=202, summary="Stop a run; who waits for its end is told")
    async def terminate_run(run_id: str) -> Response:
        await kubeflow.runs.terminate(run_id)
        run = await kubeflow.runs.get(run_id)
        return json_answer({"run_id": run.run_id, "state": run.state}, status=202)

    return router


def run_body(run: Run, tasks: RunTasks, trained: TrainingRun | None) -> dict[str, Any]:
    """A run as data: Kubeflow's words, the tasks, and the training job it belongs to."""
    return {
        "run_id": run.run_id,
        "name": run.display_name,
        "description": run.description or None,
        "state": run.state,
        "created_at": rfc3339(run.created_at),
        "finished_at": rfc3339(run.finished_at),
        "experiment_id": run.experiment_id or None,
        "pipeline_id": run.pipeline_id,
        "pipeline_version_id": run.pipeline_version_id,
        "arguments": dict(run.parameters),
        "effective_arguments": dict(trained.effective_arguments) if trained else None,
        "error": run.error_message or None,
        "training_job_id": trained.job_id if trained else None,
        "tasks": [task_body(task) for task in tasks.tasks],
        "unavailable": list(tasks.unavailable),
    }


def task_body(task: Task) -> dict[str, Any]:
    """One task; null where the server does not say."""
    return {
        "task_id": task.task_id,
        "name": task.name,
        "state": task.state,
        "kind": task.kind,
        "parent_task_id": task.parent_task_id,
        "started_at": rfc3339(task.started_at),
        "finished_at": rfc3339(task.finished_at),
        "error": task.error or None,
        "attempts": task.attempts,
        "cached": task.cached,
        "has_log": bool(task.pod_name),
        "inputs": task.inputs.to_json() if task.inputs else None,
        "outputs": task.outputs.to_json() if task.outputs else None,
    }


def find_task(tasks: RunTasks, wanted: str) -> Task:
    """The task with this id, or else the last one with this name.

    Raises:
        KubeflowNotFound: There is none; names those there are.
    """
    found = [task for task in tasks.tasks if task.task_id == wanted]
    found = found or [task for task in tasks.tasks if task.name == wanted]
    if not found:
        names = ", ".join(task.name for task in tasks.tasks if task.kind != "root") or "none"
        raise KubeflowNotFound(f"The run has no task {wanted}; its tasks are: {names}")
    return found[-1]


def task_log(kubeflow: Kubeflow, run: Run, task: Task) -> AsyncIterator[bytes]:
    """The log of a task's last attempt.

    Raises:
        KubeflowNotFound: It has not been started, so there is none.
    """
    if not task.pod_name:
        raise KubeflowNotFound(f"Task {task.name} has no log: it has not been started")
    created_on = run.created_at.date().isoformat() if run.created_at else ""
    return kubeflow.pods.log(task.pod_name, run.run_id, created_on=created_on)


async def begun(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same blocks, once the first has come: an error until then is an answer of its own, not a cut text."""
    first = await anext(blocks, b"")

    async def all_blocks() -> AsyncIterator[bytes]:
        yield first
        async for block in blocks:
            yield block

    return all_blocks()
