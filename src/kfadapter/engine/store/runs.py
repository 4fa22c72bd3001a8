"""Runs in the store: their rows, states and history. What happens in them comes through store_events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from kfadapter.engine.protocol.answers import fragment, present, seconds
from kfadapter.engine.protocol.faults import bad_request, failed_precondition, internal, invalid, not_found
from kfadapter.engine.protocol.filters import Keys
from kfadapter.engine.protocol.paging import Listable, ListQuery, next_token
from kfadapter.engine.protocol.templates import Template, stored_template
from kfadapter.engine.running.nodes import task_id
from kfadapter.engine.store.experiments import ARCHIVED, AVAILABLE, get_experiment
from kfadapter.engine.store.lists import page
from kfadapter.engine.store.records import refused
from kfadapter.engine.store.specs import drop_unused, keep_spec
from kfadapter.engine.store.tables import ARTIFACTS, EXPERIMENTS, RUNS, SLOTS, SPECS, TASKS
from kfadapter.engine.store.tasks import full_details, keep_tasks, task_details

PENDING, RUNNING, CANCELING = "PENDING", "RUNNING", "CANCELING"
SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
ACTIVE = (PENDING, RUNNING, CANCELING)

LISTABLE = Listable(
    model="Run",
    table="runs",
    noun="runs",
    keys=Keys(
        columns={
            "id": "run_id",
            "run_id": "run_id",
            "name": "display_name",
            "display_name": "display_name",
            "created_at": "created_at",
            "finished_at": "finished_at",
            "scheduled_at": "scheduled_at",
            "description": "description",
            "storage_state": "storage_state",
            "status": "state",
            "state": "state",
            "state_history": "state_history",
            "namespace": "namespace",
            "experiment_id": "experiment_id",
            "recurring_run_id": "recurring_run_id",
        },
        seconds=frozenset({"created_at", "finished_at", "scheduled_at"}),
    ),
    refusal="Failed to create list options",
    sort_prefixes=("metric:",),
)


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run to be stored. Times are seconds since 1970.

    Attributes:
        is_inline: The caller sent the spec itself, and answers show it.
        template: What runs; None only for a run that is refused because its pipeline cannot be had.
        scheduled_at: When it was due; 0: at its creation.
        refusal: Why it ends before it begins; empty: it is going to run.
    """

    run_id: str
    display_name: str
    description: str = ""
    experiment_id: str
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    recurring_run_id: str = ""
    template: Template | None
    service_account: str
    storage_state: str = AVAILABLE
    created_at: int
    scheduled_at: int = 0
    finished_at: int = 0
    runtime_config: Mapping[str, Any] = field(default_factory=dict)
    plugins_input: Mapping[str, Any] = field(default_factory=dict)
    refusal: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """What starting a run again needs."""

    run_id: str
    display_name: str
    state: str
    created_at: int
    event_offset: int
    parameters: Mapping[str, Any]
    pipeline_root: str
    document: bytes


def insert_run(connection: Connection, new: NewRun) -> dict[str, Any]:
    """Store a run.

    Raises:
        ApiError: There is a run with that id; nothing was started.
    """
    if connection.execute(select(RUNS.c.seq).where(RUNS.c.run_id == new.run_id)).first():
        raise internal(f"Failed to store run {new.run_id} to table: Duplicate entry '{new.run_id}' for key 'PRIMARY'")
    connection.execute(insert(RUNS).values(_columns(connection, new)))
    connection.execute(
        update(EXPERIMENTS)
        .where(EXPERIMENTS.c.experiment_id == new.experiment_id)
        .values(last_run_created_at=new.created_at)
    )
    shown = get_run(connection, new.run_id)
    if new.refusal is not None:
        refuse_run(connection, new.run_id, new.refusal, new.created_at)
    return shown


def get_run(connection: Connection, run_id: str) -> dict[str, Any]:
    """A run by id, with its tasks.

    Raises:
        ApiError: There is none.
    """
    row = _row(connection, run_id)
    return _to_json(row, task_details(connection, [run_id]).get(run_id, b""))


def get_full_run(connection: Connection, run_id: str) -> dict[str, Any]:
    """A run with every field that the engine can fill, its own error and its tasks' details among them.

    Raises:
        ApiError: There is none.
    """
    row = _row(connection, run_id)
    return _to_json(row, full_details(connection, run_id)) | present({"error": fragment(row.error)})


def list_runs(connection: Connection, query: ListQuery, experiment_id: str) -> dict[str, Any]:
    """A page of runs, of one experiment when one is named."""
    scope = {"experiment_id": experiment_id} if experiment_id else {}
    rows = page(connection, RUNS, query, scope=scope, statement=_shown())
    details = task_details(connection, [row.run_id for row in rows.rows])
    items = [_to_json(row, details.get(row.run_id, b"")) for row in rows.rows]
    token = next_token(query, LISTABLE, *rows.last) if rows.last else ""
    return present({"runs": items, "total_size": rows.total, "next_page_token": token})


def stored_run(connection: Connection, run_id: str) -> StoredRun:
    """A run as it would be started again.

    Raises:
        ApiError: There is none.
    """
    chosen = select(RUNS, SPECS.c.document).outerjoin(SPECS, SPECS.c.digest == RUNS.c.spec_digest)
    row = connection.execute(chosen.where(RUNS.c.run_id == run_id)).first()
    if row is None:
        raise not_found("Run", run_id)
    config = orjson.loads(row.runtime_config) if row.runtime_config else {}
    return StoredRun(
        run_id=row.run_id,
        display_name=row.display_name,
        state=row.state,
        created_at=row.created_at,
        event_offset=row.event_offset,
        parameters=config.get("parameters", {}),
        pipeline_root=config.get("pipeline_root", ""),
        document=row.document or b"",
    )


def active_runs(connection: Connection) -> list[StoredRun]:
    """Every run that has not ended, oldest first."""
    chosen = select(RUNS.c.run_id).where(RUNS.c.state.in_(ACTIVE)).order_by(RUNS.c.seq)
    return [stored_run(connection, run_id) for run_id in connection.execute(chosen).scalars()]


def cancel_run(connection: Connection, run_id: str, now: int) -> None:
    """Note that a run is to end.

    Raises:
        ApiError: There is no such run, or it has ended.
    """
    row = _state(connection, run_id)
    if row.state not in ACTIVE:
        raise invalid(f"Failed to terminate a run {run_id}. Row not found")
    changes: dict[str, Any] = {"state": CANCELING}
    if row.state == PENDING:
        # KFP's history names the canceling of a run that had not begun, and leaves it out for one that had.
        changes["state_history"] = extended(row.state_history, CANCELING, now)
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(changes))


def revive_run(connection: Connection, run_id: str, now: int) -> None:
    """Put a run that failed back to work; its history goes on.

    Raises:
        ApiError: It did not fail, or somebody else put it back to work.
    """
    row = _state(connection, run_id)
    if row.state not in (FAILED, CANCELED):
        raise bad_request("Workflow must be Failed/Error to retry", "workflow cannot be retried")
    history = extended(row.state_history, RUNNING, now)
    changes = {"state": RUNNING, "finished_at": 0, "state_history": history, "error": b""}
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(changes))


def fail_run(connection: Connection, run_id: str, error: Mapping[str, Any], now: int) -> None:
    """End a run that cannot be started; `error` is the reason, `{"code", "message"}`."""
    row = _state(connection, run_id)
    changes = {
        "state": FAILED,
        "finished_at": now,
        "state_history": extended(row.state_history, FAILED, now, error),
        "error": orjson.dumps(error),
    }
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(changes))


def refuse_run(connection: Connection, run_id: str, error: Mapping[str, Any], now: int) -> None:
    """End a run that never begins, with one task that tells why; one that has gone or ended is passed over."""
    chosen = select(RUNS.c.state, RUNS.c.display_name, SPECS.c.document).outerjoin(
        SPECS, SPECS.c.digest == RUNS.c.spec_digest
    )
    row = connection.execute(chosen.where(RUNS.c.run_id == run_id)).first()
    if row is None or row.state not in ACTIVE:
        return
    fail_run(connection, run_id, error, now)
    at = datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    name = stored_template(orjson.loads(row.document)).name if row.document else ""
    root = refused(task_id(run_id, "root"), name or row.display_name, at, error)
    keep_tasks(connection, run_id, [root])


def archive_run(connection: Connection, run_id: str) -> None:
    """Put a run away.

    Raises:
        ApiError: There is none.
    """
    _state(connection, run_id)
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(storage_state=ARCHIVED))


def unarchive_run(connection: Connection, run_id: str) -> None:
    """Take a run back.

    Raises:
        ApiError: There is none, or its experiment is archived.
    """
    experiment_id = _state(connection, run_id).experiment_id
    experiment = connection.execute(
        select(EXPERIMENTS.c.storage_state).where(EXPERIMENTS.c.experiment_id == experiment_id)
    ).scalar_one_or_none()
    if experiment == ARCHIVED:
        raise failed_precondition(
            f"Failed to unarchive run {run_id} as experiment {experiment_id} must be un-archived first",
            "Unarchive the experiment first to allow the run to be restored",
        )
    connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(storage_state=AVAILABLE))


def check_deletable(connection: Connection, run_id: str) -> None:
    """Refuse to remove a run whose experiment is gone, as KFP does.

    Raises:
        ApiError: There is no such run, or its experiment is gone.
    """
    get_experiment(connection, _state(connection, run_id).experiment_id)


def delete_run(connection: Connection, run_id: str) -> None:
    """Remove a run with everything known about it."""
    digest = connection.execute(select(RUNS.c.spec_digest).where(RUNS.c.run_id == run_id)).scalar_one_or_none()
    for table in (RUNS, TASKS, ARTIFACTS, SLOTS):
        connection.execute(delete(table).where(table.c.run_id == run_id))
    drop_unused(connection, [digest] if digest else [])


def extended(history: bytes, state: str, at: int, error: Mapping[str, Any] | None = None) -> bytes:
    """A history with one more entry, unless it ends with that state already."""
    entries = orjson.loads(history) if history else []
    if not entries or entries[-1]["state"] != state:
        entries.append(present({"update_time": seconds(at), "state": state, "error": error}))
    return orjson.dumps(entries)


def _row(connection: Connection, run_id: str) -> Row[Any]:
    row: Row[Any] | None = connection.execute(_shown().where(RUNS.c.run_id == run_id)).first()
    if row is None:
        raise not_found("Run", run_id)
    return row


def _columns(connection: Connection, new: NewRun) -> dict[str, Any]:
    history = extended(b"", PENDING, new.created_at)
    return {
        "run_id": new.run_id,
        "display_name": new.display_name,
        "description": new.description,
        "experiment_id": new.experiment_id,
        "pipeline_id": new.pipeline_id,
        "pipeline_version_id": new.pipeline_version_id,
        "recurring_run_id": new.recurring_run_id,
        "spec_digest": keep_spec(connection, new.template) if new.template else "",
        "service_account": new.service_account,
        "storage_state": new.storage_state,
        "state": PENDING,
        "created_at": new.created_at,
        "scheduled_at": new.scheduled_at or new.created_at,
        "finished_at": new.finished_at,
        "runtime_config": orjson.dumps(new.runtime_config) if new.runtime_config else b"",
        "state_history": history,
        "plugins_input": orjson.dumps(new.plugins_input) if new.plugins_input else b"",
        "error": b"",
    }


def _state(connection: Connection, run_id: str) -> Row[Any]:
    chosen = select(RUNS.c.state, RUNS.c.state_history, RUNS.c.experiment_id).where(RUNS.c.run_id == run_id)
    row: Row[Any] | None = connection.execute(chosen).first()  # type: ignore[assignment]
    if row is None:
        raise not_found("Run", run_id)
    return row


def _shown() -> Select[Any]:
    """Rows with the spec of those runs that were given one."""
    inline = (SPECS.c.digest == RUNS.c.spec_digest) & (RUNS.c.pipeline_version_id == "")
    return select(RUNS, SPECS.c.document).outerjoin(SPECS, inline)


def _to_json(row: Row[Any], details: bytes) -> dict[str, Any]:
    reference = {"pipeline_id": row.pipeline_id, "pipeline_version_id": row.pipeline_version_id}
    return present(
        {
            "experiment_id": row.experiment_id,
            "run_id": row.run_id,
            "display_name": row.display_name,
            "storage_state": row.storage_state,
            "description": row.description,
            "pipeline_spec": fragment(row.document),
            "pipeline_version_reference": reference if row.pipeline_version_id else None,
            "runtime_config": fragment(row.runtime_config),
            "service_account": row.service_account,
            "created_at": seconds(row.created_at),
            "scheduled_at": seconds(row.scheduled_at),
            "finished_at": seconds(row.finished_at),
            "state": row.state,
            "run_details": fragment(details),
            "recurring_run_id": row.recurring_run_id,
            "state_history": fragment(row.state_history),
            "plugins_input": fragment(row.plugins_input),
        }
    )
