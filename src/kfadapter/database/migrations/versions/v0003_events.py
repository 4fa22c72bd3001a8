"""Events in one order, subscriptions to them, their secrets, deliveries and tries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_events()
    op.create_table(
        "event_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", COUNTER, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_event_marks"),
    )
    _create_subscriptions()
    _create_deliveries()


def downgrade() -> None:
    tables = "subscription_delivery_tries subscription_deliveries subscription_secrets subscriptions event_marks events"
    for table in tables.split():
        op.drop_table(table)


def _create_events() -> None:
    texts = "type subject run_id job_id pipeline_id pipeline_name pipeline_version_id version_name experiment_id"
    texts += " experiment_name state data traceparent"
    op.create_table(
        "events",
        sa.Column("number", COUNTER, nullable=False, autoincrement=True),
        sa.Column("position", COUNTER),
        sa.Column("event_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts.split()),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
        sa.UniqueConstraint("position", name="uq_events_position"),
        sa.UniqueConstraint("event_id", name="uq_events_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_run_id_position", "events", ["run_id", "position"])
    op.create_index("ix_events_job_id_position", "events", ["job_id", "position"])
    op.create_index("ix_events_at", "events", ["at"])
    unplaced = sa.text("position IS NULL")
    op.create_index("ix_events_number_unplaced", "events", ["number"], postgresql_where=unplaced, sqlite_where=unplaced)


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("subscription_id", "display_name", "url", "filter", "state", "reason")
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        *(sa.Column(name, MOMENT, nullable=False) for name in ("created_at", "updated_at")),
        *(sa.Column(name, MOMENT) for name in ("failing_since", "retry_at", "delivered_at")),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_subscriptions"),
    )
    op.create_table(
        "subscription_secrets",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.PrimaryKeyConstraint("subscription_id", "number", name="pk_subscription_secrets"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.subscription_id"], name="fk_subscription_secrets_subscription_id"
        ),
    )


def _create_deliveries() -> None:
    name = "subscription_deliveries"
    op.create_table(
        name,
        sa.Column("delivery_id", COUNTER, nullable=False, autoincrement=True),
        *(
            sa.Column(one, sa.Text(), nullable=False)
            for one in ("subscription_id", "event_id", "type", "subject", "body", "state")
        ),
        sa.Column("position", COUNTER, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *(sa.Column(one, MOMENT, nullable=False) for one in ("not_before", "created_at")),
        *(sa.Column(one, MOMENT) for one in ("first_attempt_at", "closed_at", "claimed_until")),
        *(sa.Column(one, sa.Text()) for one in ("last_outcome", "last_answer", "claimed_by")),
        sa.Column("last_status", sa.Integer()),
        sa.PrimaryKeyConstraint("delivery_id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.subscription_id"], name=f"fk_{name}_subscription_id"
        ),
        sa.UniqueConstraint("subscription_id", "event_id", name=f"uq_{name}_subscription_id_event_id"),
        sqlite_autoincrement=True,
    )
    for columns in ("subscription_id state not_before", "subscription_id subject state", "created_at"):
        op.create_index(f"ix_{name}_{'_'.join(columns.split())}", name, columns.split())
    op.create_table(
        "subscription_delivery_tries",
        sa.Column("delivery_id", COUNTER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "number", name="pk_subscription_delivery_tries"),
        sa.ForeignKeyConstraint(
            ["delivery_id"], [f"{name}.delivery_id"], name="fk_subscription_delivery_tries_delivery_id"
        ),
    )
