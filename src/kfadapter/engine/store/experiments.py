"""Experiments in the store, and the one that runs without an experiment go to."""

from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select, update

from kfadapter.engine.protocol.answers import present, seconds
from kfadapter.engine.protocol.faults import already_exists, not_found
from kfadapter.engine.protocol.filters import Keys
from kfadapter.engine.protocol.paging import Listable, ListQuery, next_token
from kfadapter.engine.store.lists import page
from kfadapter.engine.store.tables import EXPERIMENTS, RECURRING_RUNS, RUNS

DEFAULT_NAME = "Default"
DEFAULT_DESCRIPTION = "All runs created without specifying an experiment will be grouped here."
AVAILABLE = "AVAILABLE"
ARCHIVED = "ARCHIVED"

LISTABLE = Listable(
    model="Experiment",
    table="experiments",
    noun="experiments",
    keys=Keys(
        columns={
            "id": "experiment_id",
            "experiment_id": "experiment_id",
            "name": "name",
            "display_name": "name",
            "created_at": "created_at",
            "last_run_created_at": "last_run_created_at",
            "description": "description",
            "namespace": "namespace",
            "storage_state": "storage_state",
        },
        seconds=frozenset({"created_at", "last_run_created_at"}),
    ),
    refusal="Failed to create list options",
)


def create_experiment(connection: Connection, name: str, description: str, created_at: int) -> dict[str, Any]:
    """Add an experiment.

    Raises:
        ApiError: The name is taken.
    """
    if connection.execute(select(EXPERIMENTS.c.seq).where(EXPERIMENTS.c.name == name)).first():
        raise already_exists(
            f"Failed to create a new experiment. The name {name} already exists. Please specify a new name"
        )
    row = {"experiment_id": str(uuid4()), "name": name, "description": description, "created_at": created_at}
    connection.execute(insert(EXPERIMENTS).values(row))
    return get_experiment(connection, str(row["experiment_id"]))


def get_experiment(connection: Connection, experiment_id: str) -> dict[str, Any]:
    """An experiment by id.

    Raises:
        ApiError: There is none.
    """
    row = connection.execute(select(EXPERIMENTS).where(EXPERIMENTS.c.experiment_id == experiment_id)).first()
    if row is None:
        raise not_found("Experiment", experiment_id)
    return _to_json(row)


def list_experiments(connection: Connection, query: ListQuery) -> dict[str, Any]:
    """A page of experiments."""
    rows = page(connection, EXPERIMENTS, query)
    token = next_token(query, LISTABLE, *rows.last) if rows.last else ""
    items = [_to_json(row) for row in rows.rows]
    return present({"experiments": items, "total_size": rows.total, "next_page_token": token})


def archive_experiment(connection: Connection, experiment_id: str, updated_at: int) -> None:
    """Archive an experiment with its runs, and switch its recurring runs off. An unknown one is passed over."""
    connection.execute(
        update(EXPERIMENTS).where(EXPERIMENTS.c.experiment_id == experiment_id).values(storage_state=ARCHIVED)
    )
    connection.execute(update(RUNS).where(RUNS.c.experiment_id == experiment_id).values(storage_state=ARCHIVED))
    connection.execute(
        update(RECURRING_RUNS)
        .where(RECURRING_RUNS.c.experiment_id == experiment_id, RECURRING_RUNS.c.enabled == 1)
        .values(enabled=0, updated_at=updated_at)
    )


def unarchive_experiment(connection: Connection, experiment_id: str) -> None:
    """Restore an experiment; its runs stay archived. An unknown one is passed over."""
    connection.execute(
        update(EXPERIMENTS).where(EXPERIMENTS.c.experiment_id == experiment_id).values(storage_state=AVAILABLE)
    )


def delete_experiment(connection: Connection, experiment_id: str) -> None:
    """Remove an experiment; its runs outlive it.

    Raises:
        ApiError: There is none.
    """
    get_experiment(connection, experiment_id)
    connection.execute(delete(EXPERIMENTS).where(EXPERIMENTS.c.experiment_id == experiment_id))


def default_experiment(connection: Connection, created_at: int) -> str:
    """The id of the experiment for runs that name none; it is made when it is missing."""
    found = connection.execute(
        select(EXPERIMENTS.c.experiment_id).where(EXPERIMENTS.c.name == DEFAULT_NAME)
    ).scalar_one_or_none()
    if found is not None:
        return str(found)
    return str(create_experiment(connection, DEFAULT_NAME, DEFAULT_DESCRIPTION, created_at)["experiment_id"])


def _to_json(row: Row[Any]) -> dict[str, Any]:
    return present(
        {
            "experiment_id": row.experiment_id,
            "display_name": row.name,
            "description": row.description,
            "created_at": seconds(row.created_at),
            "storage_state": row.storage_state,
            "last_run_created_at": seconds(row.last_run_created_at),
        }
    )
