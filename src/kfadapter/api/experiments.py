"""`/v1/experiments`."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.parameters import PAGE_SIZE, FilterText, Name, PageSize, PageToken, SortBy, Text, list_filter
from kfadapter.api.schemas.experiments import Experiment as ExperimentShape
from kfadapter.api.schemas.experiments import ExperimentPage, NewExperiment
from kfadapter.clock import rfc3339
from kfadapter.errors import KubeflowConflict, NameNotFound
from kfadapter.kubeflow.resources import Experiment
from kfadapter.service import Service


def experiment_router(service: Service) -> APIRouter:
    """The routes of experiments."""
    router = APIRouter(prefix="/v1/experiments", tags=["experiments"], route_class=BoundedRoute.of(service.settings))
    experiments = service.kubeflow.experiments

    @router.get("", summary="Experiments, a page at a time", response_model=ExperimentPage)
    async def list_experiments(
        name: Name = "",
        text: Text = "",
        filter: FilterText = "",
        sort_by: SortBy = "",
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
    ) -> Response:
        page = await experiments.list(
            page_token=page_token, page_size=page_size, sort_by=sort_by, filter=list_filter(filter, name, text)
        )
        return json_answer(
            {
                "experiments": [experiment_body(one) for one in page.items],
                "next_page_token": page.next_page_token or None,
                "total_size": page.total_size,
            }
        )

    @router.post(
        "",
        status_code=201,
        summary="Create an experiment",
        response_model=ExperimentShape,
        responses={200: {"model": ExperimentShape, "description": "It was there (`if_exists`: `return`)."}},
    )
    async def create_experiment(new: NewExperiment) -> Response:
        if new.if_exists == "return":
            try:
                return json_answer(experiment_body(await experiments.find(new.display_name)))
            except NameNotFound as exc:
                if exc.matches:
                    raise
        try:
            return json_answer(experiment_body(await experiments.create(new.display_name, new.description)), status=201)
        except KubeflowConflict:
            if new.if_exists != "return":
                raise
        return json_answer(experiment_body(await experiments.find(new.display_name)))

    @router.get("/by-name/{name:path}", summary="An experiment by its name", response_model=ExperimentShape)
    async def read_by_name(name: str) -> Response:
        return json_answer(experiment_body(await experiments.find(name)))

    @router.get("/{experiment_id}", summary="An experiment", response_model=ExperimentShape)
    async def read_experiment(experiment_id: str) -> Response:
        return json_answer(experiment_body(await experiments.get(experiment_id)))

    async def changed(experiment_id: str, change: Callable[[str], Awaitable[None]]) -> Response:
        """Look first: Kubeflow says yes to changes of experiments that it does not know."""
        await experiments.get(experiment_id)
        await change(experiment_id)
        return json_answer(experiment_body(await experiments.get(experiment_id)))

    @router.post("/{experiment_id}:archive", summary="Put an experiment away", response_model=ExperimentShape)
    async def archive_experiment(experiment_id: str) -> Response:
        return await changed(experiment_id, experiments.archive)

    @router.post("/{experiment_id}:unarchive", summary="Take an experiment back", response_model=ExperimentShape)
    async def unarchive_experiment(experiment_id: str) -> Response:
        return await changed(experiment_id, experiments.unarchive)

    @router.delete("/{experiment_id}", status_code=204, summary="Delete an experiment; its runs stay")
    async def delete_experiment(experiment_id: str) -> Response:
        await experiments.delete(experiment_id)
        return Response(status_code=204)

    return router


def experiment_body(experiment: Experiment) -> dict[str, Any]:
    """An experiment as `/v1` answers show it."""
    return {
        "experiment_id": experiment.experiment_id,
        "display_name": experiment.display_name,
        "description": experiment.description or None,
        "created_at": rfc3339(experiment.created_at),
        "storage_state": experiment.storage_state,
        "last_run_created_at": rfc3339(experiment.last_run_created_at),
    }
