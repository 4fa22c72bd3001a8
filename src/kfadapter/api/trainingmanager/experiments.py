"""Experiments as the Training Manager reads them: `GET /experiments` and `GET /experiments/{name}`."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.requests import page_request
from kfadapter.api.trainingmanager.operation import Operation
from kfadapter.api.trainingmanager.pages import page_headers
from kfadapter.service import Service


class ExperimentRoutes:
    """Experiments."""

    def __init__(self, service: Service) -> None:
        self._experiments = service.kubeflow.experiments

    def operations(self) -> Iterator[Operation]:
        """The routes of this group.

        Errors of the list are problem details: the Training Manager takes the keys of any `application/json` body
        there for experiments, whatever its status.
        """
        yield Operation(method="GET", path="/experiments", handle=self.list_all, is_problem=True)
        yield Operation(method="GET", path="/experiments/{name:path}", handle=self.find)

    async def list_all(self, request: Request) -> Response:
        """`{display_name: experiment_id}` of all experiments, or of the page asked for."""
        wanted = page_request(request)
        if wanted is None:
            experiments = await self._experiments.list_all()
            return json_answer({one.display_name: one.experiment_id for one in experiments})
        page = await self._experiments.list(page_token=wanted.token, page_size=wanted.size)
        body = {one.display_name: one.experiment_id for one in page.items}
        return json_answer(body, headers=page_headers(page))

    async def find(self, request: Request) -> Response:
        """`{"id", "name"}` of one experiment."""
        experiment = await self._experiments.find(request.path_params["name"])
        return json_answer({"id": experiment.experiment_id, "name": experiment.display_name})
