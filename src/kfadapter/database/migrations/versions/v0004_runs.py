"""Runs as data: their index and names, labels, starts with their keys, changes of recurring runs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FILTERED = ["state", "pipeline", "version", "experiment", "is_archived"]
INDEXES = {
    "created_at": ["created_at", "run_id", *FILTERED, "searched"],
    "pipeline": ["pipeline", "created_at", "run_id", "state", "version", "is_archived"],
    "version": ["version", "created_at", "run_id", "state", "is_archived"],
    "experiment": ["experiment", "created_at", "run_id", "state", "pipeline", "is_archived"],
    "state": ["state", "created_at", "run_id", "pipeline", "experiment", "is_archived"],
    "finished_order": ["finished_order", "run_id", *FILTERED],
    "name": ["name", "run_id", *FILTERED],
    "recurring_run_id": ["recurring_run_id", "created_at", "run_id"],
    "training_job_id": ["training_job_id", "created_at", "run_id"],
    "is_ended": ["is_ended", "run_id"],
}


def upgrade() -> None:
    _create_names()
    _create_indexed_runs()
    _create_labels()
    _create_starts()
    _create_progress()
    _create_recurring_changes()


def downgrade() -> None:
    tables = "recurring_changes index_progress run_starts run_labels indexed_runs run_names"
    for table in tables.split():
        op.drop_table(table)


def _create_names() -> None:
    op.create_table(
        "run_names",
        sa.Column("number", COUNTER, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "id", "parent_id")),
        sa.Column("name", sa.Text()),
        sa.Column("asked_at", MOMENT),
        sa.PrimaryKeyConstraint("number", name="pk_run_names"),
        sa.UniqueConstraint("kind", "id", name="uq_run_names_kind_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_names_kind_name", "run_names", ["kind", "name"])
    op.create_index("ix_run_names_asked_at", "run_names", ["asked_at"])


def _create_indexed_runs() -> None:
    op.create_table(
        "indexed_runs",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("run_id", "name", "state")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("searched", "arguments", "error")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_archived", "is_ended")),
        *(sa.Column(name, sa.Integer()) for name in ("pipeline", "version", "experiment")),
        *(sa.Column(name, sa.Text()) for name in ("recurring_run_id", "training_job_id")),
        *(sa.Column(name, MOMENT, nullable=False) for name in ("created_at", "finished_order", "seen_at")),
        *(sa.Column(name, MOMENT) for name in ("scheduled_at", "finished_at")),
        sa.PrimaryKeyConstraint("run_id", name="pk_indexed_runs"),
    )
    for name, columns in INDEXES.items():
        op.create_index(f"ix_indexed_runs_{name}", "indexed_runs", columns)


def _create_labels() -> None:
    op.create_table(
        "run_labels",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("run_id", "key", "value")),
        sa.PrimaryKeyConstraint("run_id", "key", name="pk_run_labels"),
    )
    op.create_index("ix_run_labels_key", "run_labels", ["key", "value", "run_id"])


def _create_starts() -> None:
    op.create_table(
        "run_starts",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("run_id", "digest", "state", "reason", "request")),
        *(sa.Column(name, sa.Text()) for name in ("idempotency_key", "origin_run_id", "origin_verb")),
        sa.Column("intended_at", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT) for name in ("settled_at", "looked_at")),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_starts"),
        sa.UniqueConstraint("idempotency_key", name="uq_run_starts_idempotency_key"),
    )
    op.create_index("ix_run_starts_state", "run_starts", ["state", "intended_at"])
    op.create_index("ix_run_starts_origin_run_id", "run_starts", ["origin_run_id"])


def _create_progress() -> None:
    times = ("indexed_back_to", "fresh_at", "created_mark", "finished_mark", "swept_back_to", "swept_at")
    op.create_table(
        "index_progress",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "source")),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        *(sa.Column(name, MOMENT) for name in (*times, "claimed_until")),
        sa.Column("claimed_by", sa.Text()),
        sa.PrimaryKeyConstraint("name", name="pk_index_progress"),
    )


def _create_recurring_changes() -> None:
    texts = ("change_id", "old_id", "name", "request", "state", "reason")
    op.create_table(
        "recurring_changes",
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("new_id", sa.Text()),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("change_id", name="pk_recurring_changes"),
    )
    op.create_index("ix_recurring_changes_state", "recurring_changes", ["state", "begun_at"])
    op.create_index("ix_recurring_changes_old_id", "recurring_changes", ["old_id"])
