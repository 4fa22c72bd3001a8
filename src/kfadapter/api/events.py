"""`/v1/events` and `/v1/runs/{run_id}/events`: what happened, as a stream or in pages."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.eventstream import EventStream, OpenStreams
from kfadapter.api.problems import BadRequest
from kfadapter.api.schemas.subscriptions import EventPage
from kfadapter.errors import FilterRefused
from kfadapter.events.filters import EventFilter
from kfadapter.events.stream import Start, frames
from kfadapter.service import Service

STREAM_TYPE = "text/event-stream"
PAGE_SIZE = 100
LARGEST_PAGE = 1000
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": EventPage,
        "content": {STREAM_TYPE: {"schema": {"type": "string"}}},
        "description": "The stream; with `Accept: application/json` a page.",
    }
}


def _wanted(
    type: Annotated[list[str] | None, Query(description="Types, `*` stands for anything: `run.*`.")] = None,
    pipeline: Annotated[list[str] | None, Query(description="Pipelines, by id or name.")] = None,
    experiment: Annotated[list[str] | None, Query(description="Experiments, by id or name.")] = None,
    run: Annotated[list[str] | None, Query(description="Runs, by id.")] = None,
    job: Annotated[list[str] | None, Query(description="Training jobs, by id.")] = None,
    state: Annotated[list[str] | None, Query(description="States after the event.")] = None,
) -> EventFilter:
    """The filter in a query; each criterion may be given several times.

    Raises:
        FilterRefused: It is one that no event could pass; the parameter is named.
    """
    criteria = {
        "types": type,
        "pipelines": pipeline,
        "experiments": experiment,
        "runs": run,
        "jobs": job,
        "states": state,
    }
    try:
        return EventFilter.wished(criteria)
    except FilterRefused as exc:
        parameter = exc.where.removeprefix("filter/").removesuffix("s")
        raise FilterRefused(f"query/{parameter}", exc.reason) from exc


Wanted = Annotated[EventFilter, Depends(_wanted)]
After = Annotated[int | None, Query(ge=0, description="Only what comes after this position; 0: all that is kept.")]
Since = Annotated[datetime | None, Query(description="Only what happened at this time or later.")]
PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Events a page.")]
LastEventID = Annotated[str | None, Header(description="As `after`, sent by readers of a stream that come back.")]


def event_router(service: Service, streams: OpenStreams) -> APIRouter:
    """The route of all events."""
    router = APIRouter(prefix="/v1/events", tags=["events"], route_class=BoundedRoute.of(service.settings))
    reading = _Reading(service, streams)

    @router.get("", summary="What happens, as Server-Sent Events; as JSON a page", responses=ANSWERS)
    async def read_events(
        request: Request,
        wanted: Wanted,
        after: After = None,
        since: Since = None,
        page_size: PageSize = PAGE_SIZE,
        last_event_id: LastEventID = None,
    ) -> Response:
        place = await reading.place(after, since, last_event_id)
        if wants_page(request):
            return await reading.page(place, wanted, page_size)
        return await reading.stream(place, wanted)

    return router


def run_event_router(service: Service, streams: OpenStreams) -> APIRouter:
    """The route of a run's events."""
    router = APIRouter(prefix="/v1/runs", tags=["events"], route_class=BoundedRoute.of(service.settings))
    reading = _Reading(service, streams)

    @router.get("/{run_id}/events", summary="What happens to a run, from its beginning", responses=ANSWERS)
    async def read_run_events(
        run_id: str,
        request: Request,
        wanted: Wanted,
        after: After = None,
        since: Since = None,
        page_size: PageSize = PAGE_SIZE,
        last_event_id: LastEventID = None,
    ) -> Response:
        place = await reading.place(after, since, last_event_id) or 0
        await reading.check_run(run_id)
        only_its = replace(wanted, runs=(run_id,))
        if wants_page(request):
            return await reading.page(place, only_its, page_size)
        return await reading.stream(place, only_its)

    return router


def wants_page(request: Request) -> bool:
    """A caller that takes JSON and no stream."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and STREAM_TYPE not in accepted


class _Reading:
    """Places in the log, pages and streams of it."""

    def __init__(self, service: Service, streams: OpenStreams) -> None:
        self._tail = service.tail
        self._clock = service.clock
        self._runs = service.kubeflow.runs
        self._streams = streams

    async def place(self, after: int | None, since: datetime | None, last_event_id: str | None) -> int | None:
        """Where to read from; what a returning reader says goes before what its address says. None: nothing said."""
        if last_event_id:
            if not (last_event_id.isascii() and last_event_id.isdecimal()):
                raise BadRequest(f"Last-Event-ID must be an id of this stream, not {last_event_id[:40]!r}")
            return int(last_event_id[:18])
        if after is not None:
            return after
        if since is not None:
            return await self._tail.position_before(since if since.tzinfo else since.replace(tzinfo=UTC))
        return None

    async def check_run(self, run_id: str) -> None:
        """Refuse a run that nothing is known of.

        Raises:
            KubeflowNotFound: There are no events of it, and Kubeflow does not know it.
        """
        if not (await self._tail.newest(EventFilter(runs=(run_id,)), 1)).events:
            await self._runs.get(run_id)

    async def page(self, after: int | None, wanted: EventFilter, size: int) -> Response:
        extent = await self._tail.extent()
        if after is None:
            span = await self._tail.newest(wanted, size)
        else:
            span = await self._tail.page(extent.place(after), wanted, size)
        return json_answer(
            {
                "events": [orjson.Fragment(one.body) for one in span.events],
                "next_after": span.through,
                "has_more": not span.is_end,
                "oldest": extent.forgotten + 1,
                "latest": max(extent.latest, span.through),
            }
        )

    async def stream(self, after: int | None, wanted: EventFilter) -> Response:
        self._streams.check()
        start = Start.at(after, await self._tail.extent())
        return EventStream(frames(self._tail, self._clock, wanted, start), self._streams)
