"""Subscriptions and their secrets in the database. Each function is part of the caller's transaction."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, or_, select

from kfadapter.database.announcements import announce
from kfadapter.database.event_tables import deliveries, delivery_tries, subscription_secrets, subscriptions
from kfadapter.errors import SubscriptionChanged, SubscriptionNotFound, SubscriptionRefused
from kfadapter.events import log
from kfadapter.events.filters import EventFilter
from kfadapter.events.records import NewEvent
from kfadapter.events.subscriptions import DUE, Subscription, SubscriptionState
from kfadapter.events.types import EventType

SUBSCRIPTIONS_LIMIT = 500
"""Each may have a few requests on their way at any time."""


def add(connection: Connection, subscription: Subscription, secret: str) -> None:
    """Write a new subscription with its first secret.

    Raises:
        SubscriptionRefused: There are as many as there may be.
    """
    if (connection.execute(select(func.count()).select_from(subscriptions)).scalar() or 0) >= SUBSCRIPTIONS_LIMIT:
        raise SubscriptionRefused("url", f"there are {SUBSCRIPTIONS_LIMIT} subscriptions, which is all there may be")
    row = {field.name: getattr(subscription, field.name) for field in fields(subscription)}
    connection.execute(subscriptions.insert(), {**row, "filter": subscription.filter.to_json()})
    _add_secret(connection, subscription.subscription_id, 1, secret, subscription.created_at)


def find(connection: Connection, subscription_id: str, *, lock: bool = False) -> Subscription:
    """A subscription; with `lock`, nobody else changes it before this transaction ends.

    Raises:
        SubscriptionNotFound: There is none with this id.
    """
    query = select(subscriptions).where(subscriptions.c.subscription_id == subscription_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise SubscriptionNotFound("subscription", subscription_id)
    return from_row(row)


def every(connection: Connection) -> list[Subscription]:
    """All subscriptions, oldest first."""
    query = select(subscriptions).order_by(subscriptions.c.created_at, subscriptions.c.subscription_id)
    return [from_row(row) for row in connection.execute(query).mappings()]


def change(
    connection: Connection, subscription_id: str, values: Mapping[str, Any], revision: int | None, now: datetime
) -> Subscription:
    """Change what the owner decides: name, URL, filter. A new URL is tried at once.

    Args:
        revision: The revision that the change is meant for; None: any.

    Raises:
        SubscriptionNotFound: There is none with this id.
        SubscriptionChanged: It has another revision.
    """
    found = find(connection, subscription_id, lock=True)
    if revision is not None and revision != found.revision:
        raise SubscriptionChanged(subscription_id, found.revision)
    fresh = _tried_at_once(connection, subscription_id, now) if values.get("url", found.url) != found.url else {}
    _write(connection, subscription_id, **values, **fresh, revision=found.revision + 1, updated_at=now)
    return find(connection, subscription_id)


def set_state(
    connection: Connection, subscription_id: str, state: SubscriptionState, reason: str, now: datetime
) -> Subscription:
    """Activate, pause or disable; an event tells of it. Active again means: the receiver is tried at once."""
    found = find(connection, subscription_id, lock=True)
    if state is found.state:
        return found
    fresh = _tried_at_once(connection, subscription_id, now) if state is SubscriptionState.ACTIVE else {}
    revision = found.revision + 1
    _write(connection, subscription_id, state=state, reason=reason, revision=revision, updated_at=now, **fresh)
    data = {"previous_state": found.state, "reason": reason, "display_name": found.display_name}
    event = NewEvent(type=EventType.SUBSCRIPTION_STATE_CHANGED, subject=subscription_id, at=now, state=state, data=data)
    log.append(connection, event)
    return find(connection, subscription_id)


def note_success(connection: Connection, subscription_id: str, now: datetime) -> None:
    """The receiver has taken something."""
    _write(connection, subscription_id, failures=0, failing_since=None, retry_at=None, delivered_at=now)


def note_failure(
    connection: Connection, subscription_id: str, *, failures: int, failing_since: datetime, retry_at: datetime | None
) -> None:
    """The receiver has not taken something."""
    _write(connection, subscription_id, failures=failures, failing_since=failing_since, retry_at=retry_at)


def delete(connection: Connection, subscription_id: str) -> None:
    """Delete a subscription with its secrets and deliveries. What is on its way may still arrive.

    Raises:
        SubscriptionNotFound: There is none with this id.
    """
    find(connection, subscription_id, lock=True)
    its = select(deliveries.c.delivery_id).where(deliveries.c.subscription_id == subscription_id)
    connection.execute(delivery_tries.delete().where(delivery_tries.c.delivery_id.in_(its)))
    for table in (deliveries, subscription_secrets, subscriptions):
        connection.execute(table.delete().where(table.c.subscription_id == subscription_id))


def rotate_secret(connection: Connection, subscription_id: str, secret: str, now: datetime, overlap: timedelta) -> None:
    """Give a new secret; the old ones stay valid for the overlap.

    Raises:
        SubscriptionNotFound: There is none with this id.
    """
    find(connection, subscription_id, lock=True)
    its = subscription_secrets.c.subscription_id == subscription_id
    connection.execute(subscription_secrets.delete().where(its, subscription_secrets.c.expires_at <= now))
    endless = subscription_secrets.update().where(its, subscription_secrets.c.expires_at.is_(None))
    connection.execute(endless.values(expires_at=now + overlap))
    number = connection.execute(select(func.max(subscription_secrets.c.number)).where(its)).scalar() or 0
    _add_secret(connection, subscription_id, number + 1, secret, now)


def valid_secrets(connection: Connection, subscription_id: str, now: datetime) -> list[str]:
    """The secrets that sign now, newest first."""
    columns = subscription_secrets.c
    is_valid = or_(columns.expires_at.is_(None), columns.expires_at > now)
    query = select(columns.secret).where(columns.subscription_id == subscription_id, is_valid)
    return list(connection.execute(query.order_by(columns.number.desc())).scalars())


def from_row(row: RowMapping) -> Subscription:
    """A row of `subscriptions`."""
    return Subscription(**{**row, "filter": EventFilter.of(row["filter"]), "state": SubscriptionState(row["state"])})


def _write(connection: Connection, subscription_id: str, **values: Any) -> None:
    its = subscriptions.c.subscription_id == subscription_id
    connection.execute(subscriptions.update().where(its).values(**values))


def _tried_at_once(connection: Connection, subscription_id: str, now: datetime) -> dict[str, Any]:
    """What failed before does not count any more, and what waits is due. Returns what is to be written."""
    waiting = deliveries.update().where(deliveries.c.subscription_id == subscription_id)
    connection.execute(
        waiting.where(deliveries.c.state == "PENDING", deliveries.c.not_before > now).values(not_before=now)
    )
    announce(connection, DUE)
    return {"failures": 0, "failing_since": None, "retry_at": None}


def _add_secret(connection: Connection, subscription_id: str, number: int, secret: str, now: datetime) -> None:
    row = {"subscription_id": subscription_id, "number": number, "secret": secret, "created_at": now}
    connection.execute(subscription_secrets.insert(), {**row, "expires_at": None})


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many subscriptions and deliveries there are in each state."""
    return {
        "subscriptions": _by_state(connection, subscriptions),
        "deliveries": _by_state(connection, deliveries),
    }


def _by_state(connection: Connection, table: Table) -> dict[str, int]:
    query = select(table.c.state, func.count()).group_by(table.c.state)
    return {state: int(count) for state, count in connection.execute(query)}
