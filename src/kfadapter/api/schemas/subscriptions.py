"""The shapes of events, subscriptions and deliveries."""

from typing import Any

from pydantic import Field

from kfadapter.api.schemas.shape import Shape, Time


class EventPage(Shape):
    """A page of events."""

    events: list[dict[str, Any]] = Field(description="CloudEvents 1.0, oldest first: docs/events.md.")
    next_after: int = Field(description="Give it as `after` for what comes next.")
    has_more: bool
    oldest: int = Field(description="The first position that is kept.")
    latest: int = Field(description="The newest position.")


class Subscription(Shape):
    """Somebody who is told of events."""

    subscription_id: str
    display_name: str
    url: str
    filter: dict[str, list[str]]
    state: str = Field(description="ACTIVE, PAUSED or DISABLED.")
    reason: str | None = Field(description="Why it is not active.")
    revision: int = Field(description="Counts its owner's changes; the ETag.")
    created_at: Time
    updated_at: Time
    failures: int = Field(description="Tries that failed in a row because the receiver was away or in trouble.")
    failing_since: Time
    retry_at: Time
    delivered_at: Time


class NewSubscription(Subscription):
    """A subscription that was just made."""

    secret: str = Field(description="What its deliveries are signed with; not shown again.")


class Subscriptions(Shape):
    """All subscriptions."""

    subscriptions: list[Subscription]


class Secret(Shape):
    """A secret that was just made."""

    subscription_id: str
    secret: str = Field(description="Not shown again.")


class Delivery(Shape):
    """One event for one subscription."""

    delivery_id: int
    subscription_id: str
    event_id: str = Field(description="The event's id, and the `webhook-id` of every try.")
    event_type: str
    subject: str
    state: str = Field(description="PENDING, DELIVERED or DEAD.")
    attempts: int
    created_at: Time
    next_attempt_at: Time
    first_attempt_at: Time
    closed_at: Time
    last_outcome: str | None
    last_status: int | None
    last_answer: str | None


class Try(Shape):
    """One try to deliver."""

    number: int
    started_at: Time
    ended_at: Time
    outcome: str = Field(description="delivered, refused, unreachable, gone or interrupted.")
    status: int | None
    answer: str


class DeliveryDetail(Delivery):
    """A delivery with its event and its tries."""

    event: dict[str, Any] = Field(description="The CloudEvent as it is sent.")
    tries: list[Try]


class DeliveryPage(Shape):
    """A page of deliveries."""

    deliveries: list[Delivery]
    next_page_token: str = Field(description="Empty on the last page.")


class Tested(Shape):
    """What a receiver answered to a test."""

    delivery_id: int
    outcome: str
    status: int | None
    answer: str
    seconds: float


class Again(Shape):
    """What is sent again."""

    deliveries: int = Field(description="How many.")
