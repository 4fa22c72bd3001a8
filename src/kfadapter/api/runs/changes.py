"""Changing runs: stopping, archiving, deleting, labels."""

from fastapi import APIRouter
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.schemas.runs import RunPatch
from kfadapter.kubeflow.resources import Run
from kfadapter.runs.labels import check_labels
from kfadapter.service import Service


def change_router(service: Service) -> APIRouter:
    """The routes that change a run."""
    router = APIRouter(prefix="/v1/runs", tags=["runs"], route_class=BoundedRoute.of(service.settings))
    room = service.runs

    @router.post("/{run_id}:terminate", status_code=202, summary="Stop a run; who waits for its end is told")
    async def terminate_run(run_id: str) -> Response:
        run = await room.changes.terminate(run_id)
        await service.jobs.stopped_by_hand(run_id)
        return json_answer(_state(run), status=202)

    @router.post("/{run_id}:archive", summary="Put a run away")
    async def archive_run(run_id: str) -> Response:
        return json_answer(_state(await room.changes.archive(run_id)))

    @router.post("/{run_id}:unarchive", summary="Take a run back")
    async def unarchive_run(run_id: str) -> Response:
        return json_answer(_state(await room.changes.unarchive(run_id)))

    @router.delete("/{run_id}", status_code=204, summary="Delete a run, its labels too; one that goes on is ended")
    async def delete_run(run_id: str) -> Response:
        await service.jobs.deleted_by_hand(await room.changes.delete(run_id))
        return Response(status_code=204)

    @router.patch("/{run_id}", summary="Add, change and remove labels")
    async def patch_run(run_id: str, patch: RunPatch) -> Response:
        check_labels(patch.labels, may_remove=True)
        run = await room.reader.run(run_id)
        labels = await room.index.label(run_id, patch.labels)
        return json_answer({**_state(run), "labels": labels})

    return router


def _state(run: Run) -> dict[str, object]:
    return {"run_id": run.run_id, "state": run.state, "archived": run.is_archived}
