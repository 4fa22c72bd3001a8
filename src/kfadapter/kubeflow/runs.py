"""Runs."""

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kfadapter.errors import KubeflowConflict, KubeflowInvalid, KubeflowMalformed
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.lists import Listing
from kfadapter.kubeflow.paging import PAGE_SIZE
from kfadapter.kubeflow.resources import Page, Run

PATH = "/runs"
# `finished_at` of a run that goes on is 1970: a filter must never reach down there.
FIRST_END = datetime(1971, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run to be started.

    Attributes:
        run_id: Chosen by the caller (a UUID); KFP takes it over.
        experiment_id: Empty: Kubeflow's default experiment.
        pipeline_version_id: Empty: the pipeline's newest version, as Kubeflow sees it.
        pipeline_spec: A compiled pipeline that is sent along, in place of a pipeline's id; None: by id.
        parameters: JSON values of the types the pipeline declares.
        pipeline_root: Where artifacts go; empty: as the pipeline or the installation says.
        service_account: Of the pods; empty: the installation's own.
    """

    run_id: str
    display_name: str
    description: str = ""
    experiment_id: str = ""
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    pipeline_spec: Mapping[str, object] | None = None
    parameters: Mapping[str, object]
    pipeline_root: str = ""
    service_account: str = ""

    def to_json(self) -> dict[str, object]:
        """The body of KFP's create call."""
        reference = {"pipeline_id": self.pipeline_id, "pipeline_version_id": self.pipeline_version_id}
        texts = {
            "run_id": self.run_id,
            "display_name": self.display_name,
            "description": self.description,
            "experiment_id": self.experiment_id,
            "service_account": self.service_account,
        }
        source: dict[str, object] = (
            {"pipeline_version_reference": {key: text for key, text in reference.items() if text}}
            if self.pipeline_spec is None
            else {"pipeline_spec": dict(self.pipeline_spec)}
        )
        config: dict[str, object] = {"parameters": dict(self.parameters)}
        if self.pipeline_root:
            config["pipeline_root"] = self.pipeline_root
        return {**{key: text for key, text in texts.items() if text}, **source, "runtime_config": config}


class Runs:
    """Kubeflow's runs."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._lists = Listing(
            connection,
            key="runs",
            read=Run.from_json,
            identity=lambda run: run.run_id,
            id_key="run_id",
            namespace=namespace,
        )

    async def create(self, new: NewRun) -> Run:
        """Start a run. The request is sent once, over a connection of its own, and never again.

        KFP starts the workflow before it stores the run, so a second request with the same id starts a second
        workflow. What the error says about the outcome:

        Raises:
            KubeflowInvalid, KubeflowNotFound, KubeflowForbidden: Refused; there is no run.
            KubeflowConflict: There is a run with this id already.
            KubeflowUnavailable: With `never_arrived`: there is no run. Without: not known.
            KubeflowTimeout, KubeflowInterrupted, KubeflowMalformed: Not known; look the run up by its id.
            KubeflowError: Kubeflow failed inside (500); not known either.
        """
        run = Run.from_json(await self._connection.post(PATH, new.to_json()))
        if run.run_id != new.run_id:
            raise KubeflowMalformed(f"Kubeflow answered with run {run.run_id} where {new.run_id} was to be started")
        return run

    async def get(self, run_id: str) -> Run:
        """The run with this id.

        Raises:
            KubeflowNotFound: There is none.
        """
        run = Run.from_json(await self._connection.get(_member(run_id)))
        if run.run_id != run_id:
            raise KubeflowMalformed(f"Kubeflow answered with another run than {run_id}")
        return run

    async def list(
        self,
        *,
        page_token: str = "",
        page_size: int = PAGE_SIZE,
        sort_by: str = "",
        filter: Filter | None = None,
        experiment_id: str = "",
    ) -> Page[Run]:
        """One page; the token is Kubeflow's own."""
        return await self._lists.page(
            PATH,
            page_token=page_token,
            page_size=page_size,
            sort_by=sort_by,
            filter=filter,
            extra={"experiment_id": experiment_id},
        )

    async def list_all(
        self, *, sort_by: str = "", filter: Filter | None = None, experiment_id: str = ""
    ) -> builtins.list[Run]:
        """All of them, oldest first unless `sort_by` says otherwise."""
        extra = {"experiment_id": experiment_id}
        return await self._lists.all(PATH, sort_by=sort_by, filter=filter, extra=extra)

    async def by_ids(self, ids: Iterable[str]) -> dict[str, Run]:
        """Those with these ids, by id; unknown ids are missing."""
        return await self._lists.by_ids(PATH, ids)

    async def finished_since(
        self, moment: datetime, *, enough: Callable[[Sequence[Run]], bool] = lambda runs: False
    ) -> builtins.list[Run]:
        """The runs that ended at this moment or later, those that ended last first.

        KFP keeps whole seconds, so ask from the second of the last look. Its pages continue after the last row's time
        and id: a run that ends while they are read is seen by the next look, and none is passed over.

        Args:
            enough: Told the runs of each page; True: those that ended before are not asked for.
        """
        filter = Filter.at_least("finished_at", max(moment, FIRST_END))
        runs = await self._lists.all(
            PATH, sort_by="finished_at desc", filter=filter, enough=lambda runs: enough(runs[-PAGE_SIZE:])
        )
        return [run for run in runs if run.finished_at is not None]

    async def terminate(self, run_id: str) -> None:
        """Ask Kubeflow to end a run.

        Raises:
            KubeflowConflict: The run has ended already.
            KubeflowNotFound: There is no such run.
        """
        try:
            await self._connection.post(_action(run_id, "terminate"))
        except KubeflowInvalid as exc:
            # KFP says "Row not found" with 400 for ended runs, and older ones for unknown runs too: look.
            run = await self.get(run_id)
            raise KubeflowConflict(
                f"run {run_id} cannot be terminated: it is {run.state or 'in no known state'}", status=exc.status
            ) from exc

    async def retry(self, run_id: str) -> None:
        """Let the failed tasks of a failed run run again.

        Raises:
            KubeflowConflict: The run has not failed.
            KubeflowNotFound: There is no such run.
        """
        await self._connection.post(_action(run_id, "retry"))

    async def archive(self, run_id: str) -> None:
        """Put a run away; raises KubeflowNotFound."""
        await self._connection.post(_action(run_id, "archive"))

    async def unarchive(self, run_id: str) -> None:
        """Take a run back; raises KubeflowNotFound, KubeflowConflict when its experiment is archived."""
        await self._connection.post(_action(run_id, "unarchive"))

    async def delete(self, run_id: str) -> None:
        """Delete a run, also one that goes on; raises KubeflowNotFound."""
        await self._connection.delete(_member(run_id))


def _member(run_id: str) -> str:
    return resource_path(PATH + "/{}", "Run", run_id)


def _action(run_id: str, action: str) -> str:
    return f"{_member(run_id)}:{action}"
