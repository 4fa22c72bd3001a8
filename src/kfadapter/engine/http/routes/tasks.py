"""Tasks and artifacts with everything the engine knows: an extension, after the native task API of KFP 3.0."""

from starlette.responses import Response

from kfadapter.engine.http.calls import Call, Route
from kfadapter.engine.http.parts import Parts
from kfadapter.engine.protocol.answers import JSONAnswer
from kfadapter.engine.protocol.cursors import read_cursor
from kfadapter.engine.protocol.faults import invalid, layered, not_found
from kfadapter.engine.protocol.paging import page_size
from kfadapter.engine.protocol.wire import Scalar
from kfadapter.engine.store.native_artifacts import (
    Wanted,
    get_native_artifact,
    list_artifact_tasks,
    list_native_artifacts,
)
from kfadapter.engine.store.native_tasks import get_native_task, list_native_tasks

PAGE = {"page_size": Scalar.INT32, "page_token": Scalar.STRING}
IDS = ("run_ids", "task_ids", "artifact_ids")
MAX_DIGITS = 18


async def list_(parts: Parts, call: Call) -> Response:
    """Tasks of a run, in the order they came up; all of them unless a page is asked for."""
    run_id = call.parameters["run_id"]
    given = call.given({"parent_id": Scalar.STRING, **PAGE})
    with layered("Failed to list tasks"):
        size = page_size(given) if given.get("page_size") else 0
        after = read_cursor(given.get("page_token", ""))
        return JSONAnswer(await parts.store.read(list_native_tasks, run_id, given.get("parent_id", ""), size, after))


async def get(parts: Parts, call: Call) -> Response:
    """One task."""
    with layered("Failed to get a task"):
        run_id, task_id = call.parameters["run_id"], call.parameters["task_id"]
        return JSONAnswer(await parts.store.read(get_native_task, run_id, task_id))


async def list_artifacts(parts: Parts, call: Call) -> Response:
    """A page of the artifacts of all runs."""
    given = call.given(PAGE)
    with layered("Failed to list artifacts"):
        after = read_cursor(given.get("page_token", ""))
        return JSONAnswer(await parts.store.read(list_native_artifacts, page_size(given), after))


async def get_artifact(parts: Parts, call: Call) -> Response:
    """One artifact."""
    artifact_id = call.parameters["artifact_id"]
    with layered("Failed to get an artifact"):
        if not artifact_id.isascii() or not artifact_id.isdecimal() or len(artifact_id) > MAX_DIGITS:
            raise not_found("Artifact", artifact_id)
        return JSONAnswer(await parts.store.read(get_native_artifact, int(artifact_id)))


async def list_tasks_of_artifacts(parts: Parts, call: Call) -> Response:
    """A page of what tasks had to do with artifacts: of runs, of tasks, or of artifacts."""
    given = call.given({"type": Scalar.STRING, **PAGE})
    run_ids, task_ids, artifact_ids = (frozenset(call.texts(name)) for name in IDS)
    with layered("Failed to list artifact tasks"):
        if not run_ids | task_ids | artifact_ids:
            raise invalid("At least one of task_ids, run_ids, or artifact_ids is required")
        wanted = Wanted(run_ids=run_ids, task_ids=task_ids, artifact_ids=artifact_ids, type=given.get("type", ""))
        after = read_cursor(given.get("page_token", ""))
        return JSONAnswer(await parts.store.read(list_artifact_tasks, wanted, page_size(given), after))


ROUTES = (
    Route("GET", "/runs/{run_id}/tasks", list_),
    Route("GET", "/runs/{run_id}/tasks/{task_id}", get),
    Route("GET", "/artifacts", list_artifacts),
    Route("GET", "/artifacts/{artifact_id}", get_artifact),
    Route("GET", "/artifact_tasks", list_tasks_of_artifacts),
)
