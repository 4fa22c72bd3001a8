"""Runs as the Training Manager and operators read and stop them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.requests import page_request
from kfadapter.api.trainingmanager.operation import Operation, about
from kfadapter.api.trainingmanager.pages import page_headers
from kfadapter.api.trainingmanager.pipelines import http_date
from kfadapter.errors import KubeflowNotFound
from kfadapter.kubeflow.resources import Run
from kfadapter.service import Service

NO_RUN = frozenset({"None", "null", "undefined"})


class RunRoutes:
    """Runs."""

    def __init__(self, service: Service) -> None:
        self._kubeflow = service.kubeflow
        self._names = service.pipeline_names
        self._jobs = service.jobs

    def operations(self) -> Iterator[Operation]:
        """The routes of this group."""
        by_id = about("run_id", "run_id")
        yield Operation(method="GET", path="/runs", handle=self.list_all)
        yield Operation(method="GET", path="/runs/{run_id}", handle=self.read, payload=by_id)
        yield Operation(method="DELETE", path="/runs/{run_id}", handle=self.stop, payload=by_id)

    async def list_all(self, request: Request) -> Response:
        """All runs by name, or the page asked for: see `run_keys` for runs that share a name."""
        wanted = page_request(request)
        if wanted is None:
            runs: Sequence[Run] = await self._kubeflow.runs.list_all()
            return json_answer(await self._bodies(runs))
        page = await self._kubeflow.runs.list(page_token=wanted.token, page_size=wanted.size)
        return json_answer(await self._bodies(page.items), headers=page_headers(page))

    async def read(self, request: Request) -> Response:
        """One run with Kubeflow's own word for its state."""
        run = await self._kubeflow.runs.get(_known(request.path_params["run_id"]))
        return json_answer({"run_id": run.run_id, "run_name": run.display_name, "run_status": run.state})

    async def stop(self, request: Request) -> Response:
        """Terminate a run. The Training Manager does so for a job it deletes, so it is not told of the run's end."""
        stopped = await self._jobs.stop(_known(request.path_params["run_id"]))
        return json_answer(stopped.to_json())

    async def _bodies(self, runs: Sequence[Run]) -> dict[str, object]:
        names = await self._names.of({run.pipeline_id for run in runs if run.pipeline_id})
        return {key: run_body(run, names) for key, run in zip(run_keys(runs), runs, strict=True)}


def run_keys(runs: Iterable[Run]) -> list[str]:
    """The keys of runs in upstream's map: the display name, and for later runs of the same name its id as well.

    The first run of a name keeps the plain name, so a key that was seen once does not move to another run as long
    as runs are listed oldest first.
    """
    keys: list[str] = []
    seen: set[str] = set()
    for run in runs:
        key = run.display_name if run.display_name not in seen else f"{run.display_name} ({run.run_id})"
        seen.add(key)
        keys.append(key)
    return keys


def run_body(run: Run, pipeline_names: Mapping[str, str]) -> dict[str, object]:
    """One run: upstream's six keys, and times beside them. A pipeline that is gone has no name: null."""
    return {
        "run_id": run.run_id,
        "run_name": run.display_name,
        "run_description": run.description or None,
        "run_status": run.state,
        "experiment_id": run.experiment_id,
        "pipeline_id": run.pipeline_id,
        "pipeline_name": pipeline_names.get(run.pipeline_id) if run.pipeline_id else None,
        "created_at": http_date(run.created_at),
        "finished_at": http_date(run.finished_at),
    }


def _known(run_id: str) -> str:
    """The id, unless it is the text that stands for "no run yet": the Training Manager sends DELETE /runs/None."""
    if run_id in NO_RUN:
        raise KubeflowNotFound(f"No run is meant by {run_id!r}: the training job has not got one")
    return run_id
