"""Subscriptions and deliveries as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kfadapter.events.filters import EventFilter

DUE = "deliveries"
"""What a transaction that makes a delivery due announces (`Transactions.listen`)."""


class SubscriptionState(StrEnum):
    """Whether a subscription's receiver is told."""

    ACTIVE = "ACTIVE"  # events become deliveries, which are sent
    PAUSED = "PAUSED"  # events become deliveries, which wait
    DISABLED = "DISABLED"  # its receiver is gone: nothing is sent or collected until it is resumed


class DeliveryState(StrEnum):
    """Where one event for one subscription stands."""

    PENDING = "PENDING"  # to be sent, for the first time or again
    DELIVERED = "DELIVERED"  # the receiver has answered with 2xx
    DEAD = "DEAD"  # given up; can be sent again by hand


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Somebody who is told of events.

    Attributes:
        reason: Why it is paused or disabled; empty when it is active.
        revision: Counts the changes of what its owner decides; the ETag.
        failures: Tries that failed in a row because the receiver was away or in trouble.
        failing_since: The first failure after the last success.
        retry_at: The receiver is left alone until then.
        delivered_at: The last success.
    """

    subscription_id: str
    display_name: str
    url: str
    filter: EventFilter
    state: SubscriptionState
    reason: str
    revision: int
    created_at: datetime
    updated_at: datetime
    failures: int
    failing_since: datetime | None
    retry_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one subscription.

    Attributes:
        event_id: The event's id, which is also the `webhook-id` of every try.
        body: The CloudEvent as it is sent: the same bytes at every try.
        attempts: Tries so far.
        not_before: The next try is not made earlier.
    """

    delivery_id: int
    subscription_id: str
    event_id: str
    position: int
    type: str
    subject: str
    body: str
    state: DeliveryState
    attempts: int
    not_before: datetime
    created_at: datetime
    first_attempt_at: datetime | None
    closed_at: datetime | None
    last_outcome: str | None
    last_status: int | None
    last_answer: str | None


@dataclass(frozen=True, kw_only=True)
class Try:
    """One try to deliver.

    Attributes:
        outcome: `delivered`, `refused`, `unreachable`, `gone` or `interrupted`.
        status: HTTP status; None when there was no answer.
        answer: The beginning of the answer's body, or what happened instead.
    """

    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None
    answer: str
