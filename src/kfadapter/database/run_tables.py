"""What the service keeps of runs: their index, their labels, and the starts asked for over `/v1/runs`.

`indexed_runs` is a copy of what Kubeflow said, made to be filtered and sorted; it may be dropped and is filled again.
Labels and starts are the service's own: nobody else has them.

Rows name pipelines, versions and experiments by a small number of `run_names`, so that the indexes hold every column
a list filters by and a page is found without touching the rows it passes over.
"""

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from kfadapter.database.columns import Counter, Document, Moment, metadata

run_names = Table(
    "run_names",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("parent_id", Text, nullable=False),
    Column("name", Text),
    Column("asked_at", Moment),
    UniqueConstraint("kind", "id"),
    Index("ix_run_names_kind_name", "kind", "name"),
    Index("ix_run_names_asked_at", "asked_at"),
    sqlite_autoincrement=True,
)

FILTERED = ("state", "pipeline", "version", "experiment", "is_archived")

indexed_runs = Table(
    "indexed_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_archived", Boolean, nullable=False),
    Column("pipeline", Integer),
    Column("version", Integer),
    Column("experiment", Integer),
    Column("recurring_run_id", Text),
    Column("training_job_id", Text),
    Column("created_at", Moment, nullable=False),
    Column("scheduled_at", Moment),
    Column("finished_at", Moment),
    Column("finished_order", Moment, nullable=False),
    Column("searched", Text, nullable=False),
    Column("arguments", Document, nullable=False),
    Column("error", Text, nullable=False),
    Column("is_ended", Boolean, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("ix_indexed_runs_created_at", "created_at", "run_id", *FILTERED, "searched"),
    Index("ix_indexed_runs_pipeline", "pipeline", "created_at", "run_id", "state", "version", "is_archived"),
    Index("ix_indexed_runs_version", "version", "created_at", "run_id", "state", "is_archived"),
    Index("ix_indexed_runs_experiment", "experiment", "created_at", "run_id", "state", "pipeline", "is_archived"),
    Index("ix_indexed_runs_state", "state", "created_at", "run_id", "pipeline", "experiment", "is_archived"),
    Index("ix_indexed_runs_finished_order", "finished_order", "run_id", *FILTERED),
    Index("ix_indexed_runs_name", "name", "run_id", *FILTERED),
    Index("ix_indexed_runs_recurring_run_id", "recurring_run_id", "created_at", "run_id"),
    Index("ix_indexed_runs_training_job_id", "training_job_id", "created_at", "run_id"),
    Index("ix_indexed_runs_is_ended", "is_ended", "run_id"),
)

run_labels = Table(
    "run_labels",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("ix_run_labels_key", "key", "value", "run_id"),
)

run_starts = Table(
    "run_starts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("idempotency_key", Text, unique=True),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("request", Document, nullable=False),
    Column("origin_run_id", Text),
    Column("origin_verb", Text),
    Column("intended_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("looked_at", Moment),
    Index("ix_run_starts_state", "state", "intended_at"),
    Index("ix_run_starts_origin_run_id", "origin_run_id"),
)

index_progress = Table(
    "index_progress",
    metadata,
    Column("name", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("indexed_back_to", Moment),
    Column("is_complete", Boolean, nullable=False),
    Column("fresh_at", Moment),
    Column("created_mark", Moment),
    Column("finished_mark", Moment),
    Column("swept_back_to", Moment),
    Column("swept_at", Moment),
    Column("claimed_by", Text),
    Column("claimed_until", Moment),
)

recurring_changes = Table(
    "recurring_changes",
    metadata,
    Column("change_id", Text, primary_key=True),
    Column("old_id", Text, nullable=False),
    Column("new_id", Text),
    Column("name", Text, nullable=False),
    Column("request", Document, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_recurring_changes_state", "state", "begun_at"),
    Index("ix_recurring_changes_old_id", "old_id"),
)
