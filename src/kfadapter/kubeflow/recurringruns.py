"""Recurring runs."""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from kfadapter.errors import KubeflowMalformed
from kfadapter.kubeflow.calls import resource_path
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.lists import Listing
from kfadapter.kubeflow.paging import PAGE_SIZE
from kfadapter.kubeflow.resources import Page, mapping, moment, text

PATH = "/recurringruns"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When runs are started.

    Attributes:
        cron: Six fields, seconds first, as KFP has them; empty with an interval.
        interval_seconds: From one run to the next; 0 with a cron text.
        start, end: Nothing is started before and after; None: no limit.
    """

    cron: str = ""
    interval_seconds: int = 0
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def from_json(cls, trigger: Mapping[str, Any]) -> Self:
        """Read KFP's trigger."""
        cron, periodic = mapping(trigger.get("cron_schedule")), mapping(trigger.get("periodic_schedule"))
        given = cron or periodic
        interval = str(periodic.get("interval_second") or "")
        return cls(
            cron=text(cron, "cron"),
            interval_seconds=int(interval) if interval.isdecimal() else 0,
            start=moment(given.get("start_time")),
            end=moment(given.get("end_time")),
        )

    def to_json(self) -> dict[str, Any]:
        """KFP's trigger."""
        limits = {"start_time": _written(self.start), "end_time": _written(self.end)}
        given = {name: at for name, at in limits.items() if at}
        if self.cron:
            return {"cron_schedule": {**given, "cron": self.cron}}
        return {"periodic_schedule": {**given, "interval_second": str(self.interval_seconds)}}


@dataclass(frozen=True, kw_only=True)
class NewRecurringRun:
    """A recurring run to be made.

    Attributes:
        pipeline_version_id: Empty: each run takes the newest version (KFP 2.5 and later).
        pipeline_spec: Sent along in place of a pipeline.
    """

    display_name: str
    schedule: Schedule
    description: str = ""
    experiment_id: str = ""
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    pipeline_spec: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any]
    pipeline_root: str = ""
    service_account: str = ""
    max_concurrency: int = 1
    is_catching_up: bool = True
    is_enabled: bool = True

    def to_json(self) -> dict[str, object]:
        """The body of KFP's create call."""
        texts = {
            "description": self.description,
            "experiment_id": self.experiment_id,
            "service_account": self.service_account,
        }
        reference = {"pipeline_id": self.pipeline_id, "pipeline_version_id": self.pipeline_version_id}
        source = (
            {"pipeline_version_reference": {key: value for key, value in reference.items() if value}}
            if self.pipeline_spec is None
            else {"pipeline_spec": dict(self.pipeline_spec)}
        )
        root = {"pipeline_root": self.pipeline_root} if self.pipeline_root else {}
        return {
            "display_name": self.display_name,
            **{key: value for key, value in texts.items() if value},
            **source,
            "runtime_config": {"parameters": dict(self.parameters), **root},
            "trigger": self.schedule.to_json(),
            "max_concurrency": str(self.max_concurrency),
            "no_catchup": not self.is_catching_up,
            "mode": "ENABLE" if self.is_enabled else "DISABLE",
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurringRun:
    """A recurring run.

    Attributes:
        pipeline_version_id: None: each run takes the newest version, or an inline specification.
        raw: Everything KFP said.
    """

    recurring_run_id: str
    display_name: str
    description: str
    schedule: Schedule
    is_enabled: bool
    is_catching_up: bool
    max_concurrency: int
    experiment_id: str
    pipeline_id: str | None
    pipeline_version_id: str | None
    parameters: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime | None
    raw: Mapping[str, Any]

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read KFP's object.

        Raises:
            KubeflowMalformed: It is no object, or has no id.
        """
        fields = mapping(raw)
        if not text(fields, "recurring_run_id"):
            raise KubeflowMalformed("Kubeflow answered with a recurring run that has no recurring_run_id")
        reference = mapping(fields.get("pipeline_version_reference"))
        most = str(fields.get("max_concurrency") or "1")
        return cls(
            recurring_run_id=text(fields, "recurring_run_id"),
            display_name=text(fields, "display_name"),
            description=text(fields, "description"),
            schedule=Schedule.from_json(mapping(fields.get("trigger"))),
            is_enabled=text(fields, "status") == "ENABLED" or text(fields, "mode") == "ENABLE",
            is_catching_up=fields.get("no_catchup") is not True,
            max_concurrency=int(most) if most.isdecimal() else 1,
            experiment_id=text(fields, "experiment_id"),
            pipeline_id=text(reference, "pipeline_id") or None,
            pipeline_version_id=text(reference, "pipeline_version_id") or None,
            parameters=mapping(mapping(fields.get("runtime_config")).get("parameters")),
            created_at=moment(fields.get("created_at")),
            updated_at=moment(fields.get("updated_at")),
            raw=fields,
        )


class RecurringRuns:
    """Kubeflow's recurring runs."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._namespace = namespace
        self._lists = Listing(
            connection,
            key="recurringRuns",
            read=RecurringRun.from_json,
            identity=lambda one: one.recurring_run_id,
            id_key="id",
            namespace=namespace,
        )

    async def create(self, new: NewRecurringRun) -> RecurringRun:
        """Make a recurring run; sent once. Kubeflow chooses the id, so an answer that is lost leaves it to be found.

        Raises:
            KubeflowInvalid, KubeflowNotFound, KubeflowForbidden: Refused.
            KubeflowError: Not known, unless `never_arrived`.
        """
        body = new.to_json()
        if self._namespace is not None:
            body["namespace"] = self._namespace
        return RecurringRun.from_json(await self._connection.post(PATH, body))

    async def get(self, recurring_run_id: str) -> RecurringRun:
        """The recurring run with this id; raises KubeflowNotFound."""
        found = RecurringRun.from_json(await self._connection.get(_member(recurring_run_id)))
        if found.recurring_run_id != recurring_run_id:
            raise KubeflowMalformed(f"Kubeflow answered with another recurring run than {recurring_run_id}")
        return found

    async def list(
        self,
        *,
        page_token: str = "",
        page_size: int = PAGE_SIZE,
        sort_by: str = "",
        filter: Filter | None = None,
        experiment_id: str = "",
    ) -> Page[RecurringRun]:
        """One page; the token is Kubeflow's own."""
        extra = {"experiment_id": experiment_id}
        return await self._lists.asked_page(
            PATH, page_token=page_token, page_size=page_size, sort_by=sort_by, filter=filter, extra=extra
        )

    async def of_pipeline(
        self, pipeline_id: str, *, sort_by: str = "", filter: Filter | None = None, experiment_id: str = ""
    ) -> builtins.list[RecurringRun]:
        """All that start this pipeline; Kubeflow has no filter for it, so all are read."""
        extra = {"experiment_id": experiment_id}
        found = await self._lists.all(PATH, sort_by=sort_by, filter=filter, extra=extra)
        return [one for one in found if one.pipeline_id == pipeline_id]

    async def named(self, name: str) -> builtins.list[RecurringRun]:
        """All with exactly this name: Kubeflow does not make names unique here."""
        found = await self._lists.all(PATH, filter=Filter.equals("display_name", name))
        return [one for one in found if one.display_name == name]

    async def enable(self, recurring_run_id: str) -> None:
        """Switch it on; raises KubeflowNotFound."""
        await self._connection.post(f"{_member(recurring_run_id)}:enable")

    async def disable(self, recurring_run_id: str) -> None:
        """Switch it off; raises KubeflowNotFound."""
        await self._connection.post(f"{_member(recurring_run_id)}:disable")

    async def delete(self, recurring_run_id: str) -> None:
        """Delete it; the runs it has started stay. Raises KubeflowNotFound."""
        await self._connection.delete(_member(recurring_run_id))


def _member(recurring_run_id: str) -> str:
    return resource_path(PATH + "/{}", "RecurringRun", recurring_run_id)


def _written(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
