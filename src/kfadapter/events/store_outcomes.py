"""What a try to deliver changes: the delivery, its subscription, and what others are told. One transaction each."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from kfadapter.events import log, store_deliveries, store_subscriptions
from kfadapter.events.records import NewEvent
from kfadapter.events.retries import RetryPolicy, delivery_pause, receiver_pause
from kfadapter.events.sender import Answer, Outcome
from kfadapter.events.store_deliveries import WrittenTry
from kfadapter.events.subscriptions import Delivery, DeliveryState, Subscription, SubscriptionState
from kfadapter.events.types import PREFIX, EventType

FAILED = frozenset({Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.GONE})
# Events about telling: that one of these was not delivered is no event, or there would be no end of them.
ABOUT_TELLING = (PREFIX + "delivery.", PREFIX + "subscription.")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One try, as it went.

    Attributes:
        chance: A random number from 0 to 1 for the pauses that may follow.
    """

    delivery_id: int
    subscription_id: str
    answer: Answer
    started_at: datetime
    ended_at: datetime
    chance: float


def settle(connection: Connection, claimant: str, tried: Tried, policy: RetryPolicy) -> DeliveryState:
    """Record a try and decide what follows. Returns the delivery's state after it.

    Raises:
        LeaseLost: The delivery is not this claimant's any more; nothing was written.
        SubscriptionNotFound: The subscription has been deleted meanwhile.
    """
    subscription = store_subscriptions.find(connection, tried.subscription_id, lock=True)
    was = store_deliveries.held(connection, claimant, tried.delivery_id)
    state = _state_after(was, tried, policy)
    failures = was.attempts + 1
    asked = timedelta(seconds=tried.answer.retry_after_seconds or 0)
    is_interrupted = tried.answer.outcome is Outcome.INTERRUPTED
    pause = timedelta(0) if is_interrupted else max(delivery_pause(failures, tried.chance), asked)
    done = WrittenTry(
        delivery_id=was.delivery_id,
        started_at=tried.started_at,
        ended_at=tried.ended_at,
        outcome=tried.answer.outcome,
        status=tried.answer.status,
        answer=tried.answer.text,
        state=state,
        not_before=tried.ended_at + pause if state is DeliveryState.PENDING else was.not_before,
    )
    store_deliveries.write_back(connection, claimant, was, done)
    _tell(connection, was, tried, state)
    _judge_receiver(connection, subscription, tried, policy)
    return state


def _state_after(was: Delivery, tried: Tried, policy: RetryPolicy) -> DeliveryState:
    if tried.answer.outcome is Outcome.DELIVERED:
        return DeliveryState.DELIVERED
    if tried.answer.outcome is Outcome.GONE:
        return DeliveryState.DEAD
    has_lasted = tried.ended_at - (was.first_attempt_at or tried.started_at)
    return DeliveryState.DEAD if has_lasted >= policy.give_up_after else DeliveryState.PENDING


def _judge_receiver(connection: Connection, subscription: Subscription, tried: Tried, policy: RetryPolicy) -> None:
    """Leave a receiver in trouble alone for a while, and disable one that is gone or has been away too long.

    While it is left alone one delivery at a time finds out whether it is back; then all the others follow at once.
    """
    subscription_id, now, answer = subscription.subscription_id, tried.ended_at, tried.answer
    if answer.outcome is Outcome.DELIVERED:
        if subscription.failures:
            store_deliveries.hasten(connection, subscription_id, now)
        store_subscriptions.note_success(connection, subscription_id, now)
        return
    if answer.outcome is Outcome.INTERRUPTED:
        return
    since = subscription.failing_since or tried.started_at
    failures, retry_at = subscription.failures, subscription.retry_at
    if answer.outcome is Outcome.UNREACHABLE:
        failures += 1
        asked = timedelta(seconds=answer.retry_after_seconds or 0)
        retry_at = now + max(receiver_pause(failures, tried.chance), asked)
    store_subscriptions.note_failure(
        connection, subscription_id, failures=failures, failing_since=since, retry_at=retry_at
    )
    reason = _reason_to_disable(answer, now - since, policy)
    if reason and subscription.state is not SubscriptionState.DISABLED:
        store_subscriptions.set_state(connection, subscription_id, SubscriptionState.DISABLED, reason, now)


def _reason_to_disable(answer: Answer, lasting: timedelta, policy: RetryPolicy) -> str:
    if answer.outcome is Outcome.GONE:
        return "the receiver answered 410: it wants nothing any more"
    if lasting >= policy.disable_after:
        return (
            f"nothing could be delivered for {lasting.days} days; the last answer: {answer.status} {answer.text[:200]}"
        )
    return ""


def _tell(connection: Connection, was: Delivery, tried: Tried, state: DeliveryState) -> None:
    """The first failure of a delivery is an event, and its end without success."""
    if was.type.startswith(ABOUT_TELLING):
        return
    type_ = None
    if state is DeliveryState.DEAD:
        type_ = EventType.DELIVERY_DEAD
    elif was.attempts == 0 and tried.answer.outcome in FAILED:
        type_ = EventType.DELIVERY_FAILED
    if type_ is None:
        return
    told = json.loads(was.body).get("data") or {}
    data = {
        "receiver": "subscription",
        "subscription_id": was.subscription_id,
        "delivery": was.delivery_id,
        "event_id": was.event_id,
        "event_type": was.type,
        "tries": was.attempts + 1,
        "outcome": tried.answer.outcome.value,
        "status": tried.answer.status,
        "answer": tried.answer.text[:200],
    }
    facts = {"run_id": told.get("run_id") or "", "job_id": told.get("training_job_id") or ""}
    event = NewEvent(type=type_, subject=was.subscription_id, at=tried.ended_at, state=state.value, data=data, **facts)
    log.append(connection, event)
