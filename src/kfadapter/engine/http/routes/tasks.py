"""A run's tasks with everything the engine knows: an extension, after the native task API of KFP 3.0."""

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import JSONAnswer
from kfadapter.engine.protocol.faults import layered
from kfadapter.engine.store.tasks import native_task, native_tasks


async def list_(parts: Parts, call: Call) -> Response:
    """All tasks of a run, in the order they came up."""
    with layered("Failed to list tasks"):
        return JSONAnswer(await parts.store.read(native_tasks, call.parameters["run_id"]))


async def get(parts: Parts, call: Call) -> Response:
    """One task."""
    with layered("Failed to get a task"):
        return JSONAnswer(await parts.store.read(native_task, call.parameters["run_id"], call.parameters["task_id"]))


ROUTES = (
    Route("GET", "/runs/{run_id}/tasks", list_),
    Route("GET", "/runs/{run_id}/tasks/{task_id}", get),
)
