"""Replicas and what one of them leads; the keys of executions that may be repeated."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "replicas",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_replicas"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("since", MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    # Columns that may be empty: a replica of the version before goes on writing its rows during an upgrade.
    op.add_column("training_runs", sa.Column("idempotency_key", sa.Text()))
    op.add_column("training_runs", sa.Column("request_digest", sa.Text()))
    op.create_index("ix_training_runs_pipeline_version_id", "training_runs", ["pipeline_version_id"])


def downgrade() -> None:
    op.drop_index("ix_training_runs_pipeline_version_id", "training_runs")
    with op.batch_alter_table("training_runs") as runs:
        runs.drop_column("request_digest")
        runs.drop_column("idempotency_key")
    op.drop_table("leases")
    op.drop_table("replicas")
