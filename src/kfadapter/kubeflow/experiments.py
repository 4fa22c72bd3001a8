"""Experiments."""

import builtins
from collections.abc import Iterable

from kfadapter.errors import KubeflowMalformed, NameAmbiguous, NameNotFound
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.lists import Listing
from kfadapter.kubeflow.naming import check_name
from kfadapter.kubeflow.paging import PAGE_SIZE
from kfadapter.kubeflow.resources import Experiment, Page

PATH = "/experiments"
KIND = "experiment"


class Experiments:
    """Kubeflow's experiments."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._namespace = namespace
        self._lists = Listing(
            connection,
            key="experiments",
            read=Experiment.from_json,
            identity=lambda experiment: experiment.experiment_id,
            id_key="experiment_id",
            namespace=namespace,
        )

    async def list(
        self, *, page_token: str = "", page_size: int = PAGE_SIZE, sort_by: str = "", filter: Filter | None = None
    ) -> Page[Experiment]:
        """One page; the token is Kubeflow's own."""
        return await self._lists.asked_page(
            PATH, page_token=page_token, page_size=page_size, sort_by=sort_by, filter=filter
        )

    async def list_all(self, *, sort_by: str = "", filter: Filter | None = None) -> builtins.list[Experiment]:
        """All of them, oldest first unless `sort_by` says otherwise."""
        return await self._lists.all(PATH, sort_by=sort_by, filter=filter)

    async def by_ids(self, ids: Iterable[str]) -> dict[str, Experiment]:
        """Those with these ids, by id; unknown ids are missing."""
        return await self._lists.by_ids(PATH, ids)

    async def get(self, experiment_id: str) -> Experiment:
        """The experiment with this id.

        Raises:
            KubeflowNotFound: There is none.
        """
        experiment = Experiment.from_json(await self._connection.get(_member(experiment_id)))
        if experiment.experiment_id != experiment_id:
            raise KubeflowMalformed(f"Kubeflow answered with another experiment than {experiment_id}")
        return experiment

    async def find(self, name: str) -> Experiment:
        """The experiment with exactly this name.

        Raises:
            NameNotFound: There is none, or there are several (`matches`; namespaces of a multi-user installation).
        """
        check_name(KIND, name)
        filtered = await self._lists.all(PATH, filter=Filter.equals("display_name", name))
        found = [experiment for experiment in filtered if experiment.display_name == name]
        if len(found) > 1:
            raise NameAmbiguous(KIND, name, [one.experiment_id for one in found])
        if not found:
            raise NameNotFound(KIND, name)
        return found[0]

    async def create(self, name: str, description: str = "") -> Experiment:
        """Create an experiment.

        Raises:
            KubeflowConflict: The name is taken, in whatever letter case.
        """
        body = {"display_name": name}
        if description:
            body["description"] = description
        if self._namespace is not None:
            body["namespace"] = self._namespace
        return Experiment.from_json(await self._connection.post(PATH, body))

    async def archive(self, experiment_id: str) -> None:
        """Put an experiment away with its runs; raises KubeflowNotFound."""
        await self._change(experiment_id, "archive")

    async def unarchive(self, experiment_id: str) -> None:
        """Take an experiment back; its runs stay archived. Raises KubeflowNotFound."""
        await self._change(experiment_id, "unarchive")

    async def delete(self, experiment_id: str) -> None:
        """Delete an experiment; its runs stay, without one. Raises KubeflowNotFound."""
        await self._connection.delete(_member(experiment_id))

    async def _change(self, experiment_id: str, action: str) -> None:
        await self._connection.post(f"{_member(experiment_id)}:{action}")


def _member(experiment_id: str) -> str:
    return resource_path(PATH + "/{}", "Experiment", experiment_id)
