"""`/v1/subscriptions`: who is told of events over HTTP, and how every delivery went."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.requests import body_schema, read_model
from kfadapter.api.schemas import subscriptions as shapes
from kfadapter.clock import rfc3339
from kfadapter.errors import BadPageToken, SubscriptionNotFound
from kfadapter.events.filters import EventFilter
from kfadapter.events.subscribers import LONGEST_OVERLAP, OVERLAP, Subscribers, Tested
from kfadapter.events.subscriptions import Delivery, DeliveryState, Subscription, Try
from kfadapter.service import Service

PAGE_SIZE = 50
LARGEST_PAGE = 200

PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Deliveries a page.")]
PageToken = Annotated[str, Query(description="`next_page_token` of the page before.")]
States = Annotated[list[DeliveryState] | None, Query(description="Only deliveries in one of these states.")]
IfMatch = Annotated[str | None, Header(description="The ETag that the change is meant for.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FilterBody(_Body):
    """Which events are wanted: those that meet every criterion given; one of its values meets a criterion."""

    types: list[str] | None = Field(default=None, description="Types, `*` stands for anything: `run.*`, `*.finished`.")
    pipelines: list[str] | None = Field(default=None, description="Pipelines, by id or name.")
    experiments: list[str] | None = Field(default=None, description="Experiments, by id or name.")
    runs: list[str] | None = Field(default=None, description="Runs, by id.")
    jobs: list[str] | None = Field(default=None, description="Training jobs, by id.")
    states: list[str] | None = Field(default=None, description="States after the event.")

    def to_filter(self) -> EventFilter:
        """The filter.

        Raises:
            FilterRefused: It is one that no event could pass.
        """
        return EventFilter.wished(self.model_dump(exclude_none=True))


class CreateBody(_Body):
    """A subscription to be made."""

    url: str = Field(description="Where events are sent with POST.")
    display_name: str = Field(default="", description="A name for people.")
    filter: FilterBody = Field(default_factory=lambda: FilterBody(), description="Which events; none given: all.")
    secret: str | None = Field(default=None, description="`whsec_` and 24 to 64 bytes in base64; none: one is made.")


class ChangeBody(_Body):
    """What is to be changed; what is not given stays, null takes away (RFC 7396); a filter is replaced as a whole."""

    url: str = Field(default="", description="Where events are sent with POST.")
    display_name: str | None = Field(default=None, description="A name for people.")
    filter: FilterBody | None = Field(default=None, description="Which events.")

    def to_values(self) -> dict[str, Any]:
        """What was given.

        Raises:
            FilterRefused: The filter is one that no event could pass.
        """
        values: dict[str, Any] = {"url": self.url, "display_name": self.display_name or ""}
        values["filter"] = EventFilter() if self.filter is None else self.filter.to_filter()
        return {name: value for name, value in values.items() if name in self.model_fields_set}


class RotateBody(_Body):
    """How a secret is to be replaced."""

    secret: str | None = Field(default=None, description="The new secret; none: one is made.")
    overlap_seconds: float = Field(
        default=OVERLAP.total_seconds(),
        ge=0,
        le=LONGEST_OVERLAP.total_seconds(),
        description="The old secret signs as well for so long.",
    )


class ReplayBody(_Body):
    """From when on events are to be sent again."""

    since: Annotated[datetime, Field(strict=False)] = Field(description="RFC 3339; UTC unless it says otherwise.")


def subscription_router(service: Service) -> APIRouter:
    """The routes of subscriptions."""
    router = _quick_routes(service.subscribers, BoundedRoute.of(service.settings))
    router.routes.extend(_lasting_routes(service.subscribers).routes)
    return router


def _quick_routes(subscribers: Subscribers, route_class: type[BoundedRoute]) -> APIRouter:
    router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"], route_class=route_class)
    _add_subscription_routes(router, subscribers)
    _add_delivery_routes(router, subscribers)
    return router


def _add_subscription_routes(router: APIRouter, subscribers: Subscribers) -> None:
    @router.post(
        "",
        status_code=201,
        response_model=shapes.NewSubscription,
        summary="Make a subscription",
        openapi_extra=body_schema(CreateBody),
    )
    async def create(request: Request) -> Response:
        body = await read_model(request, CreateBody)
        subscription, secret = await subscribers.create(
            url=body.url, display_name=body.display_name, wanted=body.filter.to_filter(), secret=body.secret
        )
        headers = {"location": f"/v1/subscriptions/{subscription.subscription_id}", **_etag(subscription)}
        return json_answer({**subscription_body(subscription), "secret": secret}, status=201, headers=headers)

    @router.get("", response_model=shapes.Subscriptions, summary="All subscriptions, oldest first")
    async def list_all() -> Response:
        found = await subscribers.every()
        return json_answer({"subscriptions": [subscription_body(one) for one in found]})

    @router.get("/{subscription_id}", response_model=shapes.Subscription, summary="A subscription")
    async def read(subscription_id: str) -> Response:
        return _answer(await subscribers.get(subscription_id))

    @router.patch(
        "/{subscription_id}",
        response_model=shapes.Subscription,
        summary="Change a subscription",
        openapi_extra=body_schema(ChangeBody),
    )
    async def change(subscription_id: str, request: Request, if_match: IfMatch = None) -> Response:
        body = await read_model(request, ChangeBody)
        values = body.to_values()
        return _answer(await subscribers.change(subscription_id, values, revision=_revision(if_match)))

    @router.delete("/{subscription_id}", status_code=204, summary="Delete a subscription and its deliveries")
    async def delete(subscription_id: str) -> Response:
        await subscribers.delete(subscription_id)
        return Response(status_code=204)

    @router.post(
        "/{subscription_id}:pause",
        response_model=shapes.Subscription,
        summary="Send nothing for a while; events are collected",
    )
    async def pause(subscription_id: str) -> Response:
        return _answer(await subscribers.pause(subscription_id))

    @router.post(
        "/{subscription_id}:resume",
        response_model=shapes.Subscription,
        summary="Send again, after a pause or when it was disabled",
    )
    async def resume(subscription_id: str) -> Response:
        return _answer(await subscribers.resume(subscription_id))

    @router.post(
        "/{subscription_id}:rotateSecret",
        response_model=shapes.Secret,
        summary="A new secret",
        openapi_extra=body_schema(RotateBody),
    )
    async def rotate(subscription_id: str, request: Request) -> Response:
        body = await read_model(request, RotateBody, may_be_empty=True)
        overlap = timedelta(seconds=body.overlap_seconds)
        secret = await subscribers.rotate_secret(subscription_id, secret=body.secret, overlap=overlap)
        return json_answer({"subscription_id": subscription_id, "secret": secret})


def _add_delivery_routes(router: APIRouter, subscribers: Subscribers) -> None:
    @router.get("/{subscription_id}/deliveries", response_model=shapes.DeliveryPage, summary="Deliveries, newest first")
    async def list_deliveries(
        subscription_id: str, state: States = None, page_size: PageSize = PAGE_SIZE, page_token: PageToken = ""
    ) -> Response:
        before = _place(page_token) if page_token else None
        found = await subscribers.deliveries(
            subscription_id, states=tuple(state or ()), before=before, limit=page_size + 1
        )
        shown = found[:page_size]
        token = str(shown[-1].delivery_id) if len(found) > page_size else ""
        return json_answer({"deliveries": [delivery_body(one) for one in shown], "next_page_token": token})

    @router.get(
        "/{subscription_id}/deliveries/{delivery_id}",
        response_model=shapes.DeliveryDetail,
        summary="A delivery with its event and its tries",
    )
    async def read_delivery(subscription_id: str, delivery_id: str) -> Response:
        delivery, tries = await subscribers.delivery(subscription_id, _number(delivery_id))
        event = orjson.Fragment(delivery.body)
        return json_answer({**delivery_body(delivery), "event": event, "tries": [try_body(one) for one in tries]})

    @router.post(
        "/{subscription_id}/deliveries/{delivery_id}:redeliver",
        response_model=shapes.Again,
        status_code=202,
        summary="Send a delivery again",
    )
    async def redeliver(subscription_id: str, delivery_id: str) -> Response:
        return json_answer(
            {"deliveries": await subscribers.redeliver(subscription_id, _number(delivery_id))}, status=202
        )

    @router.post(
        "/{subscription_id}:redeliver",
        response_model=shapes.Again,
        status_code=202,
        summary="Send every dead delivery again",
    )
    async def redeliver_dead(subscription_id: str) -> Response:
        return json_answer({"deliveries": await subscribers.redeliver(subscription_id)}, status=202)


def _lasting_routes(subscribers: Subscribers) -> APIRouter:
    """What may take longer than an answer usually may: a receiver's own time, or many events."""
    router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

    @router.post(
        "/{subscription_id}:test", response_model=shapes.Tested, summary="Send a test event now, and say how it went"
    )
    async def test(subscription_id: str) -> Response:
        return json_answer(tested_body(await subscribers.test(subscription_id)))

    @router.post(
        "/{subscription_id}:replay",
        response_model=shapes.Again,
        status_code=202,
        summary="Send all wanted events since a time, again or for the first time",
        openapi_extra=body_schema(ReplayBody),
    )
    async def replay(subscription_id: str, request: Request) -> Response:
        body = await read_model(request, ReplayBody)
        since = body.since if body.since.tzinfo else body.since.replace(tzinfo=UTC)
        return json_answer({"deliveries": await subscribers.replay(subscription_id, since)}, status=202)

    return router


def subscription_body(subscription: Subscription) -> dict[str, Any]:
    """A subscription as data; its secret is not part of it."""
    return {
        "subscription_id": subscription.subscription_id,
        "display_name": subscription.display_name,
        "url": subscription.url,
        "filter": subscription.filter.to_json(),
        "state": subscription.state,
        "reason": subscription.reason or None,
        "revision": subscription.revision,
        "created_at": rfc3339(subscription.created_at),
        "updated_at": rfc3339(subscription.updated_at),
        "failures": subscription.failures,
        "failing_since": rfc3339(subscription.failing_since),
        "retry_at": rfc3339(subscription.retry_at),
        "delivered_at": rfc3339(subscription.delivered_at),
    }


def delivery_body(delivery: Delivery) -> dict[str, Any]:
    """A delivery as data, without its event."""
    is_pending = delivery.state is DeliveryState.PENDING
    return {
        "delivery_id": delivery.delivery_id,
        "subscription_id": delivery.subscription_id,
        "event_id": delivery.event_id,
        "event_type": delivery.type,
        "subject": delivery.subject,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": rfc3339(delivery.created_at),
        "next_attempt_at": rfc3339(delivery.not_before) if is_pending else None,
        "first_attempt_at": rfc3339(delivery.first_attempt_at),
        "closed_at": rfc3339(delivery.closed_at),
        "last_outcome": delivery.last_outcome,
        "last_status": delivery.last_status,
        "last_answer": delivery.last_answer,
    }


def try_body(one: Try) -> dict[str, Any]:
    """A try as data."""
    return {
        "number": one.number,
        "started_at": rfc3339(one.started_at),
        "ended_at": rfc3339(one.ended_at),
        "outcome": one.outcome,
        "status": one.status,
        "answer": one.answer,
    }


def tested_body(tested: Tested) -> dict[str, Any]:
    """How a test went, as data."""
    return {
        "delivery_id": tested.delivery_id,
        "outcome": tested.answer.outcome,
        "status": tested.answer.status,
        "answer": tested.answer.text,
        "seconds": round(tested.seconds, 3),
    }


def _answer(subscription: Subscription) -> Response:
    return json_answer(subscription_body(subscription), headers=_etag(subscription))


def _etag(subscription: Subscription) -> dict[str, str]:
    return {"etag": f'"{subscription.revision}"'}


def _revision(if_match: str | None) -> int | None:
    """The revision that a change is meant for (RFC 9110); -1, which none has, for a tag that is not ours."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().strip('"')
    return int(tag) if tag.isascii() and tag.isdecimal() and len(tag) < 10 else -1


def _place(token: str) -> int:
    if not (token.isascii() and token.isdecimal() and len(token) < 19):
        raise BadPageToken(token)
    return int(token)


def _number(delivery_id: str) -> int:
    if not (delivery_id.isascii() and delivery_id.isdecimal() and len(delivery_id) < 19):
        raise SubscriptionNotFound("delivery", delivery_id)
    return int(delivery_id)
