"""The first ledger: training jobs, their runs and events, notifications and their deliveries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_jobs()
    _create_runs()
    _create_events()
    _create_notifications()
    _create_delivery_attempts()
    op.create_table(
        "watch_marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_watch_marks"),
    )


def downgrade() -> None:
    tables = "watch_marks delivery_attempts notifications training_events training_runs training_jobs"
    for table in tables.split():
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "training_jobs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("first_intended_at", MOMENT, nullable=False),
        sa.Column("latest_intended_at", MOMENT, nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("notifications", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_training_jobs"),
    )
    op.create_index("ix_training_jobs_latest_intended_at_job_id", "training_jobs", ["latest_intended_at", "job_id"])


def _create_runs() -> None:
    texts = "job_id display_name digest state kubeflow_state reason pipeline_id pipeline_name pipeline_version_id"
    texts += " version_name experiment_id experiment_name parameters effective_arguments ignored_arguments"
    times = "accepted_at answered_at quiet_until created_at finished_at ended_at dismissed_at stop_requested_at"
    times += " stop_accepted_at claimed_until"
    op.create_table(
        "training_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts.split()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("intended_at", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT) for name in times.split()),
        sa.Column("superseded_by", sa.Text()),
        sa.Column("claimed_by", sa.Text()),
        sa.PrimaryKeyConstraint("run_id", name="pk_training_runs"),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.job_id"], name="fk_training_runs_job_id"),
        sa.UniqueConstraint("job_id", "attempt", name="uq_training_runs_job_id_attempt"),
    )
    op.create_index("ix_training_runs_state", "training_runs", ["state"])


def _create_events() -> None:
    op.create_table(
        "training_events",
        sa.Column("number", COUNTER, nullable=False, autoincrement=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_training_events"),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.run_id"], name="fk_training_events_run_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_training_events_run_id", "training_events", ["run_id"])


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("notification_id", COUNTER, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("run_id", "job_id", "payload", "state")),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT) for name in ("first_attempt_at", "closed_at", "claimed_until")),
        *(sa.Column(name, sa.Text()) for name in ("last_outcome", "last_answer", "claimed_by")),
        sa.Column("last_status", sa.Integer()),
        sa.PrimaryKeyConstraint("notification_id", name="pk_notifications"),
        sa.ForeignKeyConstraint(["run_id"], ["training_runs.run_id"], name="fk_notifications_run_id"),
        sa.ForeignKeyConstraint(["job_id"], ["training_jobs.job_id"], name="fk_notifications_job_id"),
        sa.UniqueConstraint("run_id", name="uq_notifications_run_id"),
        sa.UniqueConstraint("job_id", "sequence", name="uq_notifications_job_id_sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notifications_state_not_before", "notifications", ["state", "not_before"])


def _create_delivery_attempts() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("notification_id", COUNTER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("notification_id", "number", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["notifications.notification_id"], name="fk_delivery_attempts_notification_id"
        ),
    )
