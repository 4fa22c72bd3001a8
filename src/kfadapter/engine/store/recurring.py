"""Recurring runs in the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from kfadapter.engine.protocol.answers import fragment, present, seconds
from kfadapter.engine.protocol.faults import not_found
from kfadapter.engine.protocol.filters import Keys
from kfadapter.engine.protocol.paging import Listable, ListQuery, next_token
from kfadapter.engine.protocol.templates import Template
from kfadapter.engine.store.lists import page
from kfadapter.engine.store.schedules import arm_new, drop_schedule, rearm
from kfadapter.engine.store.specs import drop_unused, keep_spec
from kfadapter.engine.store.tables import RECURRING_RUNS, SPECS

NAMESPACE = "kubeflow"
"""KFP names the namespace of its installation here; there is none, so its usual name stands for it."""

LISTABLE = Listable(
    model="Job",
    table="recurring_runs",
    noun="recurring runs",
    keys=Keys(
        columns={
            "id": "recurring_run_id",
            "recurring_run_id": "recurring_run_id",
            "name": "display_name",
            "display_name": "display_name",
            "created_at": "created_at",
            "updated_at": "updated_at",
            "description": "description",
            "namespace": "namespace",
            "experiment_id": "experiment_id",
        },
        seconds=frozenset({"created_at", "updated_at"}),
    ),
    refusal="Failed to list recurring runs due to error parsing the listing options",
)


@dataclass(frozen=True, kw_only=True)
class NewRecurringRun:
    """A recurring run to be stored; `template` only when the caller sent the spec itself."""

    display_name: str
    description: str = ""
    experiment_id: str
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    template: Template | None = None
    service_account: str = ""
    max_concurrency: int
    no_catchup: bool = False
    is_enabled: bool = False
    created_at: int
    trigger: Mapping[str, Any] = field(default_factory=dict)
    runtime_config: Mapping[str, Any] = field(default_factory=dict)
    plugins_input: Mapping[str, Any] = field(default_factory=dict)


def create_recurring_run(connection: Connection, new: NewRecurringRun) -> dict[str, Any]:
    """Add a recurring run; names need not be unique."""
    recurring_run_id = str(uuid4())
    row = {
        "recurring_run_id": recurring_run_id,
        "display_name": new.display_name,
        "description": new.description,
        "namespace": NAMESPACE,
        "experiment_id": new.experiment_id,
        "pipeline_id": new.pipeline_id,
        "pipeline_version_id": new.pipeline_version_id,
        "spec_digest": keep_spec(connection, new.template) if new.template else "",
        "service_account": new.service_account,
        "max_concurrency": new.max_concurrency,
        "no_catchup": int(new.no_catchup),
        "enabled": int(new.is_enabled),
        "created_at": new.created_at,
        "updated_at": new.created_at,
        "trigger": orjson.dumps(new.trigger),
        "runtime_config": orjson.dumps(new.runtime_config) if new.runtime_config else b"",
        "plugins_input": orjson.dumps(new.plugins_input) if new.plugins_input else b"",
    }
    connection.execute(insert(RECURRING_RUNS).values(row))
    arm_new(connection, recurring_run_id)
    return get_recurring_run(connection, recurring_run_id)


def get_recurring_run(connection: Connection, recurring_run_id: str) -> dict[str, Any]:
    """A recurring run by id.

    Raises:
        ApiError: There is none.
    """
    row = connection.execute(_shown().where(RECURRING_RUNS.c.recurring_run_id == recurring_run_id)).first()
    if row is None:
        raise not_found("Job", recurring_run_id)
    return _to_json(row)


def list_recurring_runs(connection: Connection, query: ListQuery, experiment_id: str) -> dict[str, Any]:
    """A page of recurring runs, of one experiment when one is named."""
    scope = {"experiment_id": experiment_id} if experiment_id else {}
    rows = page(connection, RECURRING_RUNS, query, scope=scope, statement=_shown())
    token = next_token(query, LISTABLE, *rows.last) if rows.last else ""
    items = [_to_json(row) for row in rows.rows]
    return present({"recurringRuns": items, "total_size": rows.total, "next_page_token": token})


def switch_recurring_run(connection: Connection, recurring_run_id: str, enabled: bool, updated_at: int) -> None:
    """Switch a recurring run on or off. What was due while it was off is passed over.

    Raises:
        ApiError: There is none.
    """
    named = RECURRING_RUNS.c.recurring_run_id == recurring_run_id
    was_enabled = connection.execute(select(RECURRING_RUNS.c.enabled).where(named)).scalar_one_or_none()
    if was_enabled is None:
        raise not_found("Job", recurring_run_id)
    if enabled and not was_enabled:
        rearm(connection, recurring_run_id, updated_at)
    connection.execute(update(RECURRING_RUNS).where(named).values(enabled=int(enabled), updated_at=updated_at))


def delete_recurring_run(connection: Connection, recurring_run_id: str) -> None:
    """Remove a recurring run; the runs it started stay.

    Raises:
        ApiError: There is none.
    """
    named = RECURRING_RUNS.c.recurring_run_id == recurring_run_id
    digest = connection.execute(select(RECURRING_RUNS.c.spec_digest).where(named)).scalar_one_or_none()
    if digest is None:
        raise not_found("Job", recurring_run_id)
    connection.execute(delete(RECURRING_RUNS).where(named))
    drop_schedule(connection, recurring_run_id)
    drop_unused(connection, [digest] if digest else [])


def _shown() -> Select[Any]:
    return select(RECURRING_RUNS, SPECS.c.document).outerjoin(SPECS, SPECS.c.digest == RECURRING_RUNS.c.spec_digest)


def _to_json(row: Row[Any]) -> dict[str, Any]:
    reference = present({"pipeline_id": row.pipeline_id, "pipeline_version_id": row.pipeline_version_id})
    return present(
        {
            "recurring_run_id": row.recurring_run_id,
            "display_name": row.display_name,
            "description": row.description,
            "pipeline_spec": fragment(row.document),
            "pipeline_version_reference": reference,
            "runtime_config": fragment(row.runtime_config),
            "service_account": row.service_account,
            # 64-bit numbers are texts in protobuf's JSON.
            "max_concurrency": str(row.max_concurrency),
            "trigger": fragment(row.trigger),
            "mode": "ENABLE" if row.enabled else "DISABLE",
            "created_at": seconds(row.created_at),
            "updated_at": seconds(row.updated_at),
            "status": "ENABLED" if row.enabled else "DISABLED",
            "no_catchup": bool(row.no_catchup),
            "namespace": row.namespace,
            "experiment_id": row.experiment_id,
            "plugins_input": fragment(row.plugins_input),
        }
    )
