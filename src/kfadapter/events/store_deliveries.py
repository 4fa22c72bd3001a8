"""Deliveries in the database: made from events, claimed, written back by their claimant, sent again by hand.

Who may claim: a delivery of an active subscription whose receiver is not to be left alone, that is due, that nobody
holds (or whose holder's time is over), while no earlier event of its subject is pending or on its way to the same
subscription. Writing back resets the claim and names the claimant; who has lost the claim writes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, or_, select

from kfadapter.database.announcements import announce
from kfadapter.database.event_tables import deliveries, delivery_tries, subscriptions
from kfadapter.errors import LeaseLost, SubscriptionNotFound
from kfadapter.events import log, store_subscriptions
from kfadapter.events.envelope import body_of
from kfadapter.events.records import Event, clean
from kfadapter.events.subscriptions import DUE, Delivery, DeliveryState, Subscription, SubscriptionState, Try

ROUTED = "routed"  # mark: events up to here have become deliveries
ROUTED_AT_ONCE = 200
KEPT_TRIES = 20
ANSWER_LIMIT = 1000
PENDING = DeliveryState.PENDING


@dataclass(frozen=True, kw_only=True)
class WrittenTry:
    """How one try went, and what is to follow.

    Attributes:
        state: PENDING to try again at `not_before`.
    """

    delivery_id: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    status: int | None
    answer: str
    state: DeliveryState
    not_before: datetime


def route(connection: Connection, source: str, now: datetime, limit: int = ROUTED_AT_ONCE) -> int:
    """Make deliveries of the next events, in order. Returns how many events were looked at.

    Locks the mark: replicas do it one after the other, and each event is looked at once.
    """
    routed = log.locked_mark(connection, ROUTED)
    last = log.last_position(connection)  # first: what is placed meanwhile must not be passed
    collecting = [one for one in store_subscriptions.every(connection) if one.state is not SubscriptionState.DISABLED]
    new = log.read_after(connection, routed, limit) if collecting else []
    if len(new) < limit:
        # Not every position has an event: one that was told before took its position and was not written.
        log.set_mark(connection, ROUTED, max(last, routed, *(event.position for event in new)))
    else:
        log.set_mark(connection, ROUTED, new[-1].position)
    rows = [
        row_of(subscription, event, source, now)
        for event in new
        for subscription in collecting
        if is_for(subscription, event)
    ]
    insert_due(connection, rows)
    return len(new)


def is_unrouted(connection: Connection) -> bool:
    """There are events that `route` would look at."""
    return log.last_position(connection) > log.mark(connection, ROUTED)


def is_for(subscription: Subscription, event: Event) -> bool:
    """Whether a subscription is told of an event: of what happens to itself it is not."""
    return event.subject != subscription.subscription_id and subscription.filter.wants(event)


def insert_due(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Write deliveries that are due now; one that was closed is opened again, one that is pending stays."""
    listed = list(rows)
    if not listed:
        return
    insert = log.upsert(connection, deliveries)
    again = {"state": PENDING, "not_before": insert.excluded.not_before, "first_attempt_at": None, "closed_at": None}
    statement = insert.on_conflict_do_update(
        index_elements=["subscription_id", "event_id"], set_=again, where=deliveries.c.state != PENDING
    )
    connection.execute(statement, listed)
    announce(connection, DUE)


def replay(
    connection: Connection, subscription: Subscription, source: str, after: int, limit: int, now: datetime
) -> tuple[int, int | None]:
    """Make deliveries of events that happened before, delivered or not.

    Returns how many, and the position to go on from; None when all have been looked at.
    """
    new = log.read_after(connection, after, limit)
    wanted = [event for event in new if is_for(subscription, event)]
    insert_due(connection, [row_of(subscription, event, source, now) for event in wanted])
    return len(wanted), new[-1].position if len(new) == limit else None


def claim(
    connection: Connection, subscription_id: str, claimant: str, now: datetime, until: datetime, limit: int
) -> list[Delivery]:
    """Take up to `limit` deliveries of a subscription that are due; nobody else gets them before `until`."""
    query = (
        select(deliveries)
        .where(deliveries.c.subscription_id == subscription_id, _is_claimable(now), _is_open(now))
        .order_by(deliveries.c.not_before, deliveries.c.position)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [from_row(row) for row in connection.execute(query).mappings()]
    if found:
        taken = deliveries.c.delivery_id.in_([one.delivery_id for one in found])
        connection.execute(deliveries.update().where(taken).values(claimed_by=claimant, claimed_until=until))
    return found


def due_subscriptions(connection: Connection, now: datetime) -> list[str]:
    """The subscriptions that have something to be sent now."""
    its = deliveries.c.subscription_id == subscriptions.c.subscription_id
    query = select(subscriptions.c.subscription_id).where(
        _receives(now), exists().where(its, _is_claimable(now)).correlate(subscriptions)
    )
    return list(connection.execute(query).scalars())


def held(connection: Connection, claimant: str, delivery_id: int) -> Delivery:
    """A delivery that this claimant holds, locked.

    Raises:
        LeaseLost: It is not this claimant's any more.
    """
    ours = and_(deliveries.c.delivery_id == delivery_id, deliveries.c.claimed_by == claimant)
    row = connection.execute(select(deliveries).where(ours).with_for_update()).mappings().one_or_none()
    if row is None:
        raise LeaseLost("delivery", str(delivery_id), claimant)
    return from_row(row)


def write_back(connection: Connection, claimant: str, was: Delivery, done: WrittenTry) -> None:
    """Record one try.

    Raises:
        LeaseLost: The delivery is not this claimant's any more; nothing was written.
    """
    ours = and_(deliveries.c.delivery_id == was.delivery_id, deliveries.c.claimed_by == claimant)
    values = {
        "state": done.state,
        "attempts": was.attempts + 1,
        "not_before": done.not_before,
        "first_attempt_at": was.first_attempt_at or done.started_at,
        "closed_at": None if done.state is PENDING else done.ended_at,
        "last_outcome": done.outcome,
        "last_status": done.status,
        "last_answer": bounded(done.answer),
        "claimed_by": None,
        "claimed_until": None,
    }
    if connection.execute(deliveries.update().where(ours).values(values)).rowcount != 1:
        raise LeaseLost("delivery", str(was.delivery_id), claimant)
    _add_try(connection, was.attempts + 1, done)


def renew(connection: Connection, claimant: str, delivery_ids: Iterable[int], until: datetime) -> None:
    """Hold what is on its way for longer."""
    ours = and_(deliveries.c.delivery_id.in_(list(delivery_ids)), deliveries.c.claimed_by == claimant)
    connection.execute(deliveries.update().where(ours).values(claimed_until=until))


def release_all(connection: Connection) -> None:
    """Nobody holds anything any more: every earlier process is dead."""
    held_ = deliveries.c.claimed_by.is_not(None)
    connection.execute(deliveries.update().where(held_).values(claimed_by=None, claimed_until=None))


def hasten(connection: Connection, subscription_id: str, now: datetime) -> None:
    """The receiver is back: what waits only because it was away is due now."""
    waiting = and_(
        deliveries.c.subscription_id == subscription_id,
        deliveries.c.state == PENDING,
        deliveries.c.last_outcome == "unreachable",
        deliveries.c.not_before > now,
    )
    connection.execute(deliveries.update().where(waiting).values(not_before=now))


def add_closed(connection: Connection, row: dict[str, Any], done: WrittenTry) -> int:
    """Write a delivery that was made at once and is over: a test. Returns its number."""
    values = {
        **row,
        "state": done.state,
        "attempts": 1,
        "first_attempt_at": done.started_at,
        "closed_at": done.ended_at,
        "last_outcome": done.outcome,
        "last_status": done.status,
        "last_answer": bounded(done.answer),
    }
    statement = deliveries.insert().values(values).returning(deliveries.c.delivery_id)
    number: int = connection.execute(statement).scalar_one()
    tried = {name: getattr(done, name) for name in ("started_at", "ended_at", "outcome", "status")}
    connection.execute(
        delivery_tries.insert(), {**tried, "delivery_id": number, "number": 1, "answer": bounded(done.answer)}
    )
    return number


def reopen(connection: Connection, subscription_id: str, delivery_id: int | None, now: datetime) -> int:
    """Send again, now: one delivery, or with None every dead one. Returns how many.

    Raises:
        SubscriptionNotFound: There is no such delivery.
    """
    its = deliveries.c.subscription_id == subscription_id
    if delivery_id is None:
        wanted = and_(its, deliveries.c.state == DeliveryState.DEAD, deliveries.c.position > 0)
    else:
        find(connection, subscription_id, delivery_id)
        wanted = and_(its, deliveries.c.delivery_id == delivery_id)
    again = {"state": PENDING, "not_before": now, "first_attempt_at": None, "closed_at": None}
    announce(connection, DUE)
    return connection.execute(deliveries.update().where(wanted).values(again)).rowcount


def find(connection: Connection, subscription_id: str, delivery_id: int) -> Delivery:
    """A delivery of a subscription.

    Raises:
        SubscriptionNotFound: There is none with this number.
    """
    query = select(deliveries).where(
        deliveries.c.subscription_id == subscription_id, deliveries.c.delivery_id == delivery_id
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise SubscriptionNotFound("delivery", str(delivery_id))
    return from_row(row)


def page(
    connection: Connection, subscription_id: str, states: tuple[DeliveryState, ...], before: int | None, limit: int
) -> list[Delivery]:
    """A subscription's deliveries, newest first."""
    query = select(deliveries).where(deliveries.c.subscription_id == subscription_id)
    if states:
        query = query.where(deliveries.c.state.in_(states))
    if before is not None:
        query = query.where(deliveries.c.delivery_id < before)
    rows = connection.execute(query.order_by(deliveries.c.delivery_id.desc()).limit(limit)).mappings()
    return [from_row(row) for row in rows]


def tries_of(connection: Connection, delivery_id: int) -> list[Try]:
    """The tries of a delivery that are kept: the first and the latest ones."""
    query = select(delivery_tries).where(delivery_tries.c.delivery_id == delivery_id)
    rows = connection.execute(query.order_by(delivery_tries.c.number)).mappings()
    return [Try(**{name: value for name, value in row.items() if name != "delivery_id"}) for row in rows]


def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete the oldest deliveries that were made before a time, whatever their state. Returns how many."""
    old = select(deliveries.c.delivery_id).where(deliveries.c.created_at < before)
    numbers = list(connection.execute(old.order_by(deliveries.c.created_at).limit(limit)).scalars())
    connection.execute(delivery_tries.delete().where(delivery_tries.c.delivery_id.in_(numbers)))
    return connection.execute(deliveries.delete().where(deliveries.c.delivery_id.in_(numbers))).rowcount


def from_row(row: RowMapping) -> Delivery:
    """A row of `subscription_deliveries`."""
    fields = {name: value for name, value in row.items() if name not in ("claimed_by", "claimed_until")}
    return Delivery(**{**fields, "state": DeliveryState(fields["state"])})


def bounded(answer: str) -> str:
    """A foreign text as it is kept."""
    return clean(answer[:ANSWER_LIMIT])


def row_of(subscription: Subscription, event: Event, source: str, now: datetime) -> dict[str, Any]:
    """A delivery of an event that is due now."""
    return {
        "subscription_id": subscription.subscription_id,
        "event_id": event.event_id,
        "position": event.position,
        "type": event.type,
        "subject": event.subject,
        "body": body_of(event, source).decode(),
        "state": PENDING,
        "attempts": 0,
        "not_before": now,
        "created_at": now,
    }


def _receives(now: datetime) -> ColumnElement[bool]:
    is_ready = or_(subscriptions.c.retry_at.is_(None), subscriptions.c.retry_at <= now)
    return and_(subscriptions.c.state == SubscriptionState.ACTIVE, is_ready)


def _is_open(now: datetime) -> ColumnElement[bool]:
    its = subscriptions.c.subscription_id == deliveries.c.subscription_id
    return exists().where(its, _receives(now)).correlate(deliveries)


def _is_claimable(now: datetime) -> ColumnElement[bool]:
    earlier = deliveries.alias("earlier")
    is_first = ~exists().where(
        earlier.c.subscription_id == deliveries.c.subscription_id,
        earlier.c.subject == deliveries.c.subject,
        earlier.c.position < deliveries.c.position,
        or_(earlier.c.state == PENDING, earlier.c.claimed_until >= now),
    )
    is_free = or_(deliveries.c.claimed_until.is_(None), deliveries.c.claimed_until < now)
    return and_(deliveries.c.state == PENDING, deliveries.c.not_before <= now, is_free, is_first)


def _add_try(connection: Connection, number: int, done: WrittenTry) -> None:
    """Keep the first try and the latest ones: days of an outage must not fill the database."""
    row = {name: getattr(done, name) for name in ("delivery_id", "started_at", "ended_at", "outcome", "status")}
    connection.execute(delivery_tries.insert(), {**row, "number": number, "answer": bounded(done.answer)})
    tries = delivery_tries.c
    is_old = and_(tries.delivery_id == done.delivery_id, tries.number > 1, tries.number <= number - KEPT_TRIES)
    connection.execute(delivery_tries.delete().where(is_old))
