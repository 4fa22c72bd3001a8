"""The ledger's tables. Written for SQLite and PostgreSQL alike; `migrations/` leads older files here.

`training_jobs` has one row a job and is the lock of the job: every change to a job's runs or notifications that
must be seen in one order first updates this row.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from kfadapter.database.columns import Counter, Document, Moment, metadata

training_jobs = Table(
    "training_jobs",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("first_intended_at", Moment, nullable=False),
    Column("latest_intended_at", Moment, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("notifications", Integer, nullable=False),
    Index("ix_training_jobs_latest_intended_at_job_id", "latest_intended_at", "job_id"),
)

training_runs = Table(
    "training_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("job_id", Text, ForeignKey("training_jobs.job_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kubeflow_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("pipeline_id", Text, nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("pipeline_version_id", Text, nullable=False),
    Column("version_name", Text, nullable=False),
    Column("experiment_id", Text, nullable=False),
    Column("experiment_name", Text, nullable=False),
    Column("parameters", Document, nullable=False),
    Column("effective_arguments", Document, nullable=False),
    Column("ignored_arguments", Document, nullable=False),
    Column("intended_at", Moment, nullable=False),
    Column("accepted_at", Moment),
    Column("answered_at", Moment),
    Column("quiet_until", Moment),
    Column("created_at", Moment),
    Column("finished_at", Moment),
    Column("ended_at", Moment),
    Column("superseded_by", Text),
    Column("dismissed_at", Moment),
    Column("stop_requested_at", Moment),
    Column("stop_accepted_at", Moment),
    Column("claimed_by", Text),
    Column("claimed_until", Moment),
    Column("idempotency_key", Text),
    Column("request_digest", Text),
    UniqueConstraint("job_id", "attempt"),
    Index("ix_training_runs_state", "state"),
    Index("ix_training_runs_pipeline_version_id", "pipeline_version_id"),
)

training_events = Table(
    "training_events",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("run_id", Text, ForeignKey("training_runs.run_id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Document, nullable=False),
    Index("ix_training_events_run_id", "run_id"),
    sqlite_autoincrement=True,
)

notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", Counter, primary_key=True, autoincrement=True),
    Column("run_id", Text, ForeignKey("training_runs.run_id"), nullable=False, unique=True),
    Column("job_id", Text, ForeignKey("training_jobs.job_id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("payload", Document, nullable=False),
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
    UniqueConstraint("job_id", "sequence"),
    Index("ix_notifications_state_not_before", "state", "not_before"),
    sqlite_autoincrement=True,
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("notification_id", Counter, ForeignKey("notifications.notification_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
)

watch_marks = Table(
    "watch_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)
