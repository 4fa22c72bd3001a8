"""Running something again: a failed run from where it failed, or a copy of a run with changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from kfadapter.errors import KubeflowConflict, KubeflowError, KubeflowInvalid, KubeflowNotFound
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run, mapping, text
from kfadapter.runs.details import RunReader
from kfadapter.runs.index import RunIndex
from kfadapter.runs.starting import NAME_LENGTH, Started, Starter, StartWish
from kfadapter.runs.starts import Origin

# What servers answer that do not know the call, or whose retry is broken (500 in several 2.x releases).
CANNOT_RETRY = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_FOUND}
)
RETRIABLE = frozenset({"FAILED", "CANCELED"})


class RetriedBy(StrEnum):
    """How a run was taken up again."""

    SERVER = "server"  # the same run goes on, with what had succeeded
    CLONE = "clone"  # a new run with the same arguments: this server cannot go on with the old one


@dataclass(frozen=True, kw_only=True)
class Retried:
    """A run that was taken up again.

    Attributes:
        run: The one that runs now.
        reason: Why a clone was needed; "" when it was not.
    """

    run: Run
    by: RetriedBy
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CloneChanges:
    """What is to be different from the run that is cloned; what is not given stays.

    Attributes:
        arguments: Single ones; null takes one away, so that the default applies.
        version: Another version of the same pipeline: name, id or `latest`.
        labels: Instead of the run's own; None: those.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    display_name: str = ""
    description: str | None = None
    experiment: str = ""
    create_experiment: bool = False
    labels: Mapping[str, str] | None = None
    key: str | None = None


class Again:
    """Clones and retries runs."""

    def __init__(self, kubeflow: Kubeflow, reader: RunReader, starter: Starter, index: RunIndex) -> None:
        self._kubeflow = kubeflow
        self._reader = reader
        self._starter = starter
        self._index = index

    async def clone(self, run_id: str, changes: CloneChanges, *, verb: str = "clone") -> Started:
        """Start a copy of a run. It keeps the reference to its pipeline and version; an inline specification is sent
        again. Raises as `Starter.start`, and KubeflowNotFound when there is no such run.
        """
        run = await self._reader.run(run_id)
        labels = changes.labels
        if labels is None:
            labels = (await self._index.labels([run_id])).get(run_id, {})
        config = mapping(run.raw.get("runtime_config"))
        inline = mapping(run.raw.get("pipeline_spec")) if not run.pipeline_version_id else {}
        wish = StartWish(
            pipeline=run.pipeline_id or "",
            version=changes.version or run.pipeline_version_id or "latest",
            pipeline_spec=inline or None,
            display_name=(changes.display_name or f"Clone of {run.display_name}")[:NAME_LENGTH],
            description=run.description if changes.description is None else changes.description,
            experiment=changes.experiment or run.experiment_id,
            create_experiment=changes.create_experiment,
            arguments=changes.arguments,
            carried=run.parameters,
            labels=labels,
            pipeline_root=text(config, "pipeline_root"),
            service_account=text(run.raw, "service_account"),
            origin=Origin(run_id=run_id, verb=verb),
            key=changes.key,
        )
        return await self._starter.start(wish)

    async def retry(self, run_id: str, key: str | None = None) -> Retried:
        """Let a failed run go on where it failed; where the server cannot, start it anew with a link to the first.

        Raises:
            KubeflowConflict: The run has not failed.
            KubeflowNotFound: There is no such run.
        """
        run = await self._reader.run(run_id)
        if run.state not in RETRIABLE:
            raise KubeflowConflict(f"run {run_id} cannot be retried: it is {run.state or 'in no known state'}")
        reason = await self._retry_there(run)
        if reason is None:
            return Retried(run=await self._reader.run(run_id), by=RetriedBy.SERVER)
        started = await self.clone(
            run_id, CloneChanges(display_name=f"Retry of {run.display_name}", key=key), verb="retry"
        )
        return Retried(run=started.run, by=RetriedBy.CLONE, reason=reason)

    async def _retry_there(self, run: Run) -> str | None:
        """Ask the server; None when it has taken the run up again, else why it cannot."""
        try:
            await self._kubeflow.runs.retry(run.run_id)
        except (KubeflowConflict, KubeflowInvalid) as exc:
            return exc.reason
        except KubeflowNotFound:
            await self._kubeflow.runs.get(run.run_id)  # is it the run or the call that is not there?
            return "this Kubeflow cannot retry runs"
        except KubeflowError as exc:
            if exc.status not in CANNOT_RETRY:
                raise
            # It may have begun all the same: two runs would be one too many.
            now = await self._kubeflow.runs.get(run.run_id)
            return None if now.state not in RETRIABLE else exc.reason
        return None
