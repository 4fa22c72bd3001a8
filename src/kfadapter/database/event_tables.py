"""The tables of events, subscriptions and their deliveries. Written for SQLite and PostgreSQL alike.

An event's `number` says when it was inserted, its `position` when it could be seen: transactions that overlap commit
in another order than they insert, so positions are given afterwards, by one at a time (`events.log`). `event_marks`
holds how far that, and everything that follows the log, has come; its rows are also the locks of those who do it.
"""

from sqlalchemy import DDL, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, event, text

from kfadapter.database.columns import Counter, Document, Moment, metadata

events = Table(
    "events",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("position", Counter, unique=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("pipeline_id", Text, nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("pipeline_version_id", Text, nullable=False),
    Column("version_name", Text, nullable=False),
    Column("experiment_id", Text, nullable=False),
    Column("experiment_name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("data", Document, nullable=False),
    Column("traceparent", Text, nullable=False),
    Index("ix_events_run_id_position", "run_id", "position"),
    Index("ix_events_job_id_position", "job_id", "position"),
    Index("ix_events_at", "at"),
    sqlite_autoincrement=True,
)

# The same on both databases; `postgresql_where` would load every driver of PostgreSQL for SQLite's users.
Index("ix_events_number_unplaced", events.c.number, sqlite_where=text("position IS NULL")).ddl_if(dialect="sqlite")
_UNPLACED = DDL("CREATE INDEX ix_events_number_unplaced ON events (number) WHERE position IS NULL")  # type: ignore[no-untyped-call]
event.listen(events, "after_create", _UNPLACED.execute_if(dialect="postgresql"))

event_marks = Table(
    "event_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Counter, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("filter", Document, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", Moment),
    Column("retry_at", Moment),
    Column("delivered_at", Moment),
)

# Apart from the subscriptions, so that no list of those can ever hold one.
subscription_secrets = Table(
    "subscription_secrets",
    metadata,
    Column("subscription_id", Text, ForeignKey("subscriptions.subscription_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
)

deliveries = Table(
    "subscription_deliveries",
    metadata,
    Column("delivery_id", Counter, primary_key=True, autoincrement=True),
    Column("subscription_id", Text, ForeignKey("subscriptions.subscription_id"), nullable=False),
    Column("event_id", Text, nullable=False),
    Column("position", Counter, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("first_attempt_at", Moment),
    Column("closed_at", Moment),
    Column("last_outcome", Text),
    Column("last_status", Integer),
    Column("last_answer", Text),
    Column("claimed_by", Text),
    Column("claimed_until", Moment),
    UniqueConstraint("subscription_id", "event_id"),
    Index("ix_subscription_deliveries_subscription_id_state_not_before", "subscription_id", "state", "not_before"),
    Index("ix_subscription_deliveries_subscription_id_subject_state", "subscription_id", "subject", "state"),
    Index("ix_subscription_deliveries_created_at", "created_at"),
    sqlite_autoincrement=True,
)

delivery_tries = Table(
    "subscription_delivery_tries",
    metadata,
    Column("delivery_id", Counter, ForeignKey("subscription_deliveries.delivery_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
)
