"""`/v1/recurring-runs`: schedules that start runs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.parameters import PAGE_SIZE, PageSize, PageToken, list_filter
from kfadapter.api.schemas.recurringruns import (
    FireTimes,
    NewRecurringRunShape,
    RecurringPageShape,
    RecurringPatchShape,
    RecurringRunShape,
    ScheduleShape,
)
from kfadapter.clock import rfc3339
from kfadapter.errors import KubeflowError, QueryRefused
from kfadapter.kubeflow.catalog import is_id
from kfadapter.kubeflow.recurringruns import RecurringRun, Schedule
from kfadapter.kubeflow.resources import Page
from kfadapter.pipelines.lint import lint_cron
from kfadapter.runs.firetimes import MOST, next_times
from kfadapter.runs.recurring import RecurringPatch, RecurringWish
from kfadapter.runs.starting import StartWish
from kfadapter.service import Service

SHOWN_TIMES = 5
TIME_ZONE = "UTC"
# KFP's controller reads it from its own environment and tells nobody.
CLUSTER_NOTE = (
    "Kubeflow's controller reckons cron in UTC unless its CRON_SCHEDULE_TIMEZONE says otherwise, which it does not tell"
)


def recurring_router(service: Service) -> APIRouter:
    """The routes of recurring runs."""
    route = BoundedRoute.of(service.settings)
    router = APIRouter(prefix="/v1/recurring-runs", tags=["recurring runs"], route_class=route)
    room, bodies = service.runs.recurring, _Bodies(service)
    runs, pipelines = service.kubeflow.recurring_runs, service.kubeflow.pipelines

    @router.post("", status_code=201, summary="Make a recurring run", response_model=RecurringRunShape)
    async def create(asked: NewRecurringRunShape) -> Response:
        made = await room.create(_wish(asked))
        location = {"Location": f"/v1/recurring-runs/{made.recurring_run_id}"}
        return json_answer(await bodies.one(made), status=201, headers=location)

    @router.get("", summary="Recurring runs", response_model=RecurringPageShape)
    async def list_all(
        pipeline: Annotated[
            str, Query(max_length=1024, description="Only those of this pipeline, by id or name; all in one page.")
        ] = "",
        experiment: Annotated[str, Query(description="Only those in this experiment, by id.")] = "",
        name: Annotated[str, Query(max_length=1024, description="Only those with exactly this name.")] = "",
        text: Annotated[str, Query(max_length=1024, description="Only those with this in their name.")] = "",
        filter: Annotated[str, Query(max_length=16384, description="KFP's predicates as JSON.")] = "",
        sort_by: Annotated[str, Query(max_length=200, description="As `created_at desc`; Kubeflow's own.")] = "",
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
    ) -> Response:
        wanted = list_filter(filter, name, text)
        if pipeline:
            pipeline_id = pipeline if is_id(pipeline) else (await pipelines.find(pipeline)).pipeline_id
            found = await runs.of_pipeline(pipeline_id, sort_by=sort_by, filter=wanted, experiment_id=experiment)
            page = Page(items=tuple(found))
        else:
            page = await runs.list(
                page_token=page_token,
                page_size=page_size,
                sort_by=sort_by,
                filter=wanted,
                experiment_id=experiment,
            )
        shown = await bodies.many(await room.shown(page.items))
        return json_answer({"recurring_runs": shown, "next_page_token": page.next_page_token})

    @router.get("/by-name/{name}", summary="The recurring run with this name", response_model=RecurringRunShape)
    async def by_name(name: str) -> Response:
        return json_answer(await bodies.one(await room.named(name)))

    @router.get("/{recurring_run_id}", summary="A recurring run", response_model=RecurringRunShape)
    async def read(recurring_run_id: str) -> Response:
        return json_answer(await bodies.one(await room.get(recurring_run_id)))

    @router.get("/{recurring_run_id}/fire-times", summary="When runs are due next", response_model=FireTimes)
    async def fire_times(recurring_run_id: str, count: Annotated[int, Query(ge=1, le=MOST)] = 10) -> Response:
        found = await room.get(recurring_run_id)
        times = bodies.times(found, count)
        facts = {"recurring_run_id": found.recurring_run_id, "enabled": found.is_enabled}
        return json_answer({**facts, **await bodies.zone(), "times": times})

    @router.patch(
        "/{recurring_run_id}",
        summary="Change a recurring run; a new one takes its place, and the old id leads there",
        response_model=RecurringRunShape,
    )
    async def change(recurring_run_id: str, asked: RecurringPatchShape) -> Response:
        return json_answer(await bodies.one(await room.change(recurring_run_id, _patch(asked))))

    @router.post("/{recurring_run_id}:enable", summary="Switch a recurring run on", response_model=RecurringRunShape)
    async def enable(recurring_run_id: str) -> Response:
        return json_answer(await bodies.one(await room.switch(recurring_run_id, on=True)))

    @router.post("/{recurring_run_id}:disable", summary="Switch a recurring run off", response_model=RecurringRunShape)
    async def disable(recurring_run_id: str) -> Response:
        return json_answer(await bodies.one(await room.switch(recurring_run_id, on=False)))

    @router.delete("/{recurring_run_id}", status_code=204, summary="Delete a recurring run; its runs stay")
    async def delete(recurring_run_id: str) -> Response:
        await room.delete(recurring_run_id)
        return Response(status_code=204)

    return router


class _Bodies:
    """Recurring runs as they stand in answers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def one(self, found: RecurringRun) -> dict[str, Any]:
        return (await self.many([found]))[0]

    async def many(self, found: list[RecurringRun]) -> list[dict[str, Any]]:
        ids = {one.pipeline_id for one in found if one.pipeline_id}
        try:
            names = await self._service.pipeline_names.of(ids)
        except KubeflowError:
            names = {}
        zone = await self.zone()
        return [{**self._body(one, names), **zone} for one in found]

    async def zone(self) -> dict[str, str | None]:
        """The time zone, and what is not known about it."""
        try:
            is_embedded = (await self._service.kubeflow.server()).is_embedded
        except KubeflowError:
            is_embedded = False
        return {"time_zone": TIME_ZONE, "time_zone_note": None if is_embedded else CLUSTER_NOTE}

    def times(self, found: RecurringRun, count: int) -> list[str | None]:
        """When runs are due next, whether it is switched on or not; none for a schedule that cannot be read."""
        try:
            times = next_times(found.schedule, found.created_at, self._service.clock.now(), count)
        except QueryRefused:
            return []
        return [rfc3339(at) for at in times]

    def _body(self, found: RecurringRun, names: dict[str, str]) -> dict[str, Any]:
        return {
            "recurring_run_id": found.recurring_run_id,
            "name": found.display_name,
            "description": found.description or None,
            "enabled": found.is_enabled,
            "schedule": {
                "cron": found.schedule.cron or None,
                "interval_seconds": found.schedule.interval_seconds or None,
                "start": rfc3339(found.schedule.start),
                "end": rfc3339(found.schedule.end),
            },
            "next_times": self.times(found, SHOWN_TIMES) if found.is_enabled else [],
            "warnings": [one.to_json() for one in lint_cron(found.schedule.cron)] if found.schedule.cron else [],
            "max_concurrency": found.max_concurrency,
            "catchup": found.is_catching_up,
            "pipeline_id": found.pipeline_id,
            "pipeline_name": names.get(found.pipeline_id or ""),
            "pipeline_version_id": found.pipeline_version_id,
            "experiment_id": found.experiment_id or None,
            "arguments": dict(found.parameters),
            "created_at": rfc3339(found.created_at),
            "updated_at": rfc3339(found.updated_at),
        }


def _wish(asked: NewRecurringRunShape) -> RecurringWish:
    return RecurringWish(
        name=asked.name,
        schedule=_schedule(asked.schedule),
        start=StartWish(
            pipeline=asked.pipeline,
            version=asked.version,
            pipeline_spec=asked.pipeline_spec,
            description=asked.description,
            experiment=asked.experiment,
            create_experiment=asked.create_experiment,
            arguments=asked.arguments,
            pipeline_root=asked.pipeline_root,
            service_account=asked.service_account,
        ),
        max_concurrency=asked.max_concurrency,
        is_catching_up=asked.catchup,
        is_enabled=asked.enabled,
    )


def _patch(asked: RecurringPatchShape) -> RecurringPatch:
    return RecurringPatch(
        name=asked.name,
        description=asked.description,
        schedule=None if asked.schedule is None else _schedule(asked.schedule),
        version=asked.version,
        arguments=asked.arguments,
        max_concurrency=asked.max_concurrency,
        is_catching_up=asked.catchup,
        is_enabled=asked.enabled,
    )


def _schedule(asked: ScheduleShape) -> Schedule:
    for name, at in (("start", asked.start), ("end", asked.end)):
        if at is not None and at.tzinfo is None:
            raise QueryRefused(f"schedule/{name}", "say the time zone, as 2026-01-31T12:00:00Z")
    return Schedule(
        cron=(asked.cron or "").strip(),
        interval_seconds=asked.interval_seconds or 0,
        start=asked.start,
        end=asked.end,
    )
