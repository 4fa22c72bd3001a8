"""The engine's tables. Times are whole seconds since 1970 (0: not yet), as KFP keeps and shows them.

Every listed table has `seq`, the order of creation: lists break ties by it, so it is part of every index that serves a
list. Names compare without regard to ASCII case. Columns that are only shown hold JSON text, embedded as it is.
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

SCHEMA_VERSION = 2
"""2: counts of runs are kept, and every order of a list has an index."""

METADATA = MetaData()


def _text(name: str, *, default: str = "") -> Column[str]:
    return Column(name, String(collation="NOCASE"), nullable=False, server_default=default)


def _id(name: str) -> Column[str]:
    return Column(name, String, nullable=False, server_default="")


def _json(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default="")


def _seconds(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _seq() -> Column[int]:
    return Column("seq", Integer, primary_key=True, autoincrement=True)


SPECS = Table(
    "specs",
    METADATA,
    Column("digest", String, primary_key=True),
    _json("document"),
    sqlite_with_rowid=True,
)
"""Pipeline specs as KFP shows them (JSON text), once for each content; versions and runs name them by digest."""

PIPELINES = Table(
    "pipelines",
    METADATA,
    _seq(),
    Column("pipeline_id", String, nullable=False, unique=True),
    _text("name"),
    _text("display_name"),
    _text("description"),
    _text("namespace"),
    _seconds("created_at"),
    _json("tags"),
    UniqueConstraint("name", name="pipelines_name"),
    Index("pipelines_by_creation", "created_at", "seq"),
    Index("pipelines_by_display_name", "display_name", "seq"),
    sqlite_autoincrement=True,
)

VERSIONS = Table(
    "pipeline_versions",
    METADATA,
    _seq(),
    Column("pipeline_version_id", String, nullable=False, unique=True),
    Column("pipeline_id", String, nullable=False),
    _text("name"),
    _text("display_name"),
    _text("description"),
    _seconds("created_at"),
    _id("code_source_url"),
    _id("spec_digest"),
    _json("tags"),
    UniqueConstraint("pipeline_id", "name", name="versions_name"),
    Index("versions_by_creation", "pipeline_id", "created_at", "seq"),
    Index("versions_by_spec", "spec_digest"),
    sqlite_autoincrement=True,
)

TAGS = Table(
    "tags",
    METADATA,
    Column("owner_id", String, primary_key=True),
    Column("key", String(collation="NOCASE"), primary_key=True),
    Column("value", String(collation="NOCASE"), nullable=False),
    Index("tags_by_value", "key", "value", "owner_id"),
)
"""Tags of pipelines and versions, for filters; the rows themselves carry them as JSON to be shown."""

EXPERIMENTS = Table(
    "experiments",
    METADATA,
    _seq(),
    Column("experiment_id", String, nullable=False, unique=True),
    _text("name"),
    _text("description"),
    _text("namespace"),
    _text("storage_state", default="AVAILABLE"),
    _seconds("created_at"),
    _seconds("last_run_created_at"),
    UniqueConstraint("name", name="experiments_name"),
    Index("experiments_by_creation", "created_at", "seq"),
    sqlite_autoincrement=True,
)

RUNS = Table(
    "runs",
    METADATA,
    _seq(),
    Column("run_id", String, nullable=False, unique=True),
    _text("display_name"),
    _text("description"),
    _text("namespace"),
    _id("experiment_id"),
    _id("pipeline_id"),
    _id("pipeline_version_id"),
    _id("recurring_run_id"),
    _id("spec_digest"),
    _id("service_account"),
    _text("storage_state", default="AVAILABLE"),
    _text("state", default="PENDING"),
    _seconds("created_at"),
    _seconds("scheduled_at"),
    _seconds("finished_at"),
    _json("runtime_config"),
    _json("state_history"),
    _json("plugins_input"),
    _json("error"),
    Column("last_event", Integer, nullable=False, server_default="0"),
    Column("event_offset", Integer, nullable=False, server_default="0"),
    # What runs are mostly narrowed by stands in the index, so that rows left out are never looked up.
    Index("runs_in_order", "created_at", "seq", "state", "storage_state", "finished_at", "display_name"),
    Index(
        "runs_in_experiment",
        *("experiment_id", "created_at", "seq", "state", "storage_state", "finished_at", "display_name"),
    ),
    Index("runs_in_order_of_state", "state", "seq"),
    Index("runs_in_order_of_storage", "storage_state", "seq"),
    Index("runs_in_order_of_experiment", "experiment_id", "seq"),
    Index("runs_in_order_of_recurring", "recurring_run_id", "seq"),
    Index("runs_in_order_of_namespace", "namespace", "seq"),
    Index("runs_by_end", "finished_at", "seq"),
    Index("runs_by_description", "description", "seq"),
    Index("runs_by_name", "display_name", "seq"),
    Index("runs_by_state", "state", "created_at", "seq"),
    Index("runs_by_schedule", "scheduled_at", "seq"),
    Index("runs_by_spec", "spec_digest"),
    sqlite_autoincrement=True,
)
"""`last_event` and `event_offset` say how far the run's events have been applied."""

RUN_COUNTS = Table(
    "run_counts",
    METADATA,
    Column("experiment_id", String, primary_key=True),
    Column("storage_state", String(collation="NOCASE"), primary_key=True),
    Column("state", String(collation="NOCASE"), primary_key=True),
    Column("number", Integer, nullable=False),
)
"""How many runs there are of each kind that lists are mostly narrowed to. Triggers keep it, whoever writes."""

_KINDS = "experiment_id, storage_state, state"
_LEAVES = (
    "UPDATE run_counts SET number = number - 1 WHERE experiment_id = old.experiment_id "
    "AND storage_state = old.storage_state AND state = old.state;"
)
_COMES = (
    "INSERT INTO run_counts VALUES (new.experiment_id, new.storage_state, new.state, 1) "
    "ON CONFLICT DO UPDATE SET number = number + 1;"
)
TRIGGERS = (
    f"CREATE TRIGGER IF NOT EXISTS runs_come AFTER INSERT ON runs BEGIN {_COMES} END",
    f"CREATE TRIGGER IF NOT EXISTS runs_leave AFTER DELETE ON runs BEGIN {_LEAVES} END",
    f"CREATE TRIGGER IF NOT EXISTS runs_change AFTER UPDATE OF {_KINDS} ON runs BEGIN {_LEAVES} {_COMES} END",
)
COUNT_RUNS = "INSERT INTO run_counts SELECT experiment_id, storage_state, state, count(*) FROM runs GROUP BY 1, 2, 3"
"""Once, on a database that a release before the counts has written."""
OUTDATED_INDEXES = ("runs_by_creation", "runs_of_experiment")

TASKS = Table(
    "tasks",
    METADATA,
    Column("run_id", String, primary_key=True),
    Column("task_id", String, primary_key=True),
    Column("place", Integer, nullable=False),
    _json("detail"),
    _json("document"),
    Index("tasks_by_id", "task_id"),
)
"""A run's tasks in the order they came up: `document` is everything the events told about one, `detail` the part that
every answer with the run shows."""

ARTIFACTS = Table(
    "artifacts",
    METADATA,
    Column("artifact_id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String, nullable=False),
    Column("uri", String, nullable=False),
    UniqueConstraint("run_id", "uri", name="artifacts_uri"),
    sqlite_autoincrement=True,
)
"""Numbers for artifacts: KFP's task details name artifacts by number."""

RECURRING_RUNS = Table(
    "recurring_runs",
    METADATA,
    _seq(),
    Column("recurring_run_id", String, nullable=False, unique=True),
    _text("display_name"),
    _text("description"),
    _text("namespace"),
    _id("experiment_id"),
    _id("pipeline_id"),
    _id("pipeline_version_id"),
    _id("spec_digest"),
    _id("service_account"),
    Column("max_concurrency", Integer, nullable=False, server_default="1"),
    Column("no_catchup", Integer, nullable=False, server_default="0"),
    Column("enabled", Integer, nullable=False, server_default="0"),
    _seconds("created_at"),
    _seconds("updated_at"),
    _json("trigger"),
    _json("runtime_config"),
    _json("plugins_input"),
    Index("recurring_by_creation", "created_at", "seq"),
    Index("recurring_of_experiment", "experiment_id", "created_at", "seq"),
    Index("recurring_by_name", "display_name", "seq"),
    Index("recurring_by_spec", "spec_digest"),
    sqlite_autoincrement=True,
)

SCHEDULES = Table(
    "schedules",
    METADATA,
    Column("recurring_run_id", String, primary_key=True),
    _seconds("last_slot"),
    _seconds("next_slot"),
    Column("fired", Integer, nullable=False, server_default="0"),
    Index("schedules_due", "next_slot"),
)
"""Where each recurring run stands: slots up to `last_slot` are over (fired or passed over), `next_slot` is the one to
come (0: there is none), `fired` counts the runs."""

SLOTS = Table(
    "recurring_slots",
    METADATA,
    Column("recurring_run_id", String, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String, nullable=False),
    Index("slots_by_run", "run_id"),
)
"""The slots that have runs; the key makes a second run for one impossible."""
