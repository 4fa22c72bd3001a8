"""Lists of runs, from the index; and several runs side by side."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.parameters import PAGE_SIZE, PageSize, PageToken
from kfadapter.api.runs.bodies import page_body, row_body
from kfadapter.api.schemas.runs import RunPageShape
from kfadapter.errors import QueryRefused
from kfadapter.runs.comparison import FEWEST, MOST, compare
from kfadapter.runs.index import RunPage
from kfadapter.runs.index_pages import IndexedRun
from kfadapter.runs.labels import read_label
from kfadapter.runs.queries import RunQuery, read_filter, read_moment, read_order, read_states
from kfadapter.runs.room import RunsRoom
from kfadapter.service import Service

Thing = Annotated[str, Query(max_length=1024, description="Name or id.")]
States = Annotated[list[str] | None, Query(description="Kubeflow's words; several, or separated by commas: any.")]
Labels = Annotated[list[str] | None, Query(description="`key=value`, or `key` for any value; all have to be there.")]
Moment = Annotated[str, Query(max_length=64, description="RFC 3339.")]


def list_router(service: Service) -> APIRouter:
    """The routes of several runs."""
    router = APIRouter(tags=["runs"], route_class=BoundedRoute.of(service.settings))
    room = service.runs

    @router.get("/v1/runs", summary="Runs, newest first, with names and labels", response_model=RunPageShape)
    async def list_runs(
        pipeline: Thing = "",
        version: Thing = "",
        experiment: Thing = "",
        job: Annotated[str, Query(description="The training job's id.")] = "",
        recurring_run: Annotated[str, Query(description="The recurring run's id.")] = "",
        state: States = None,
        label: Labels = None,
        name: Annotated[str, Query(max_length=1024, description="Exactly this name.")] = "",
        id_prefix: Annotated[str, Query(max_length=64, description="Ids that begin so.")] = "",
        text: Annotated[str, Query(max_length=256, description="In name, description or id; case ignored.")] = "",
        archived: Annotated[bool | None, Query(description="Only archived ones, or only others.")] = None,
        created_after: Moment = "",
        created_before: Moment = "",
        finished_after: Moment = "",
        finished_before: Moment = "",
        filter: Annotated[str, Query(max_length=16384, description="KFP's predicates as JSON.")] = "",
        sort_by: Annotated[str, Query(max_length=64, description="created_at, finished_at, name, state; `desc`.")] = "",
        page_size: PageSize = PAGE_SIZE,
        page_token: PageToken = "",
    ) -> Response:
        column, is_descending = read_order(sort_by)
        query = RunQuery(
            pipeline=pipeline or None,
            version=version or None,
            experiment=experiment or None,
            training_job_id=job or None,
            recurring_run_id=recurring_run or None,
            states=read_states(state or ()),
            labels=dict(map(read_label, label or ())),
            name=name or None,
            id_prefix=id_prefix.lower() or None,
            text=text or None,
            archived=archived,
            created_after=read_moment(created_after, "query/created_after") if created_after else None,
            created_before=read_moment(created_before, "query/created_before") if created_before else None,
            finished_after=read_moment(finished_after, "query/finished_after") if finished_after else None,
            finished_before=read_moment(finished_before, "query/finished_before") if finished_before else None,
            predicates=read_filter(filter),
            sort_by=column,
            is_descending=is_descending,
        )
        if pipeline or version or experiment:
            await room.reader.learn_names()
        page = await room.index.page(query, page_size=page_size, page_token=page_token)
        return json_answer(page_body(page, await named(room, page)))

    @router.get("/v1/runs:compare", summary="Two and more runs side by side: arguments, metrics, tasks, durations")
    async def compare_runs(
        ids: Annotated[list[str], Query(description="Ids of 2 to 20 runs; several, or separated by commas.")],
    ) -> Response:
        wanted = list(dict.fromkeys(one.strip() for text in ids for one in text.split(",") if one.strip()))
        if not FEWEST <= len(wanted) <= MOST:
            raise QueryRefused("query/ids", f"{FEWEST} to {MOST} different runs can be compared, not {len(wanted)}")
        details = await asyncio.gather(*map(room.reader.detail, wanted))
        rows = await room.index.rows(wanted)
        return json_answer(
            {
                "runs": [row_body(rows[one]) for one in wanted if one in rows],
                **compare(details),
                "unavailable": [
                    {"run_id": one.run.run_id, **gap.to_json()} for one in details for gap in one.unavailable
                ],
            }
        )

    return router


async def named(room: RunsRoom, page: RunPage) -> tuple[IndexedRun, ...]:
    """The rows of a page with the names nobody had asked Kubeflow for yet: a few calls, once for each thing."""
    unnamed = [
        id_
        for row in page.items
        for id_, name in (
            (row.pipeline_id, row.pipeline_name),
            (row.version_id, row.version_name),
            (row.experiment_id, row.experiment_name),
        )
        if id_ and name is None
    ]
    if not unnamed:
        return page.items
    await room.reader.learn_names(list(dict.fromkeys(unnamed)))
    rows = await room.index.rows([row.run_id for row in page.items])
    return tuple(rows.get(row.run_id, row) for row in page.items)
