"""What the index writes: what Kubeflow said of runs, names of things, labels. Steps inside the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BindParameter, Connection, Table, bindparam, delete, or_, select
from sqlalchemy.dialects import sqlite

from kfadapter.database.run_tables import indexed_runs, run_labels, run_names
from kfadapter.database.training_tables import training_runs
from kfadapter.kubeflow.resources import Run

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

PIPELINE, VERSION, EXPERIMENT = "pipeline", "version", "experiment"
# Runs that have not ended come after all that have.
NOT_ENDED = datetime(9999, 12, 31, tzinfo=UTC)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NAME_LIMIT = 400
SEARCHED_LIMIT = 300
ERROR_LIMIT = 2000
# PostgreSQL and older SQLite bind at most some 32,000 values a statement.
BATCH = 500
ASK_AGAIN = timedelta(minutes=10)

# Statements of everything that is written down, built once.
_RUNS, _NAMES = indexed_runs.c, run_names.c
_ANY_RUN: BindParameter[str] = bindparam("run_ids", expanding=True)
KNOWN = select(
    _RUNS.run_id, _RUNS.state, _RUNS.is_archived, _RUNS.finished_at, _RUNS.seen_at, _RUNS.name, _RUNS.error
).where(_RUNS.run_id.in_(_ANY_RUN))
NUMBERS = select(_NAMES.number, _NAMES.id).where(
    _NAMES.kind == bindparam("wanted_kind"), _NAMES.id.in_(bindparam("ids", expanding=True))
)
JOBS = select(training_runs.c.run_id, training_runs.c.job_id).where(training_runs.c.run_id.in_(_ANY_RUN))
LABELS = select(run_labels).where(run_labels.c.run_id.in_(_ANY_RUN)).order_by(run_labels.c.key)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run as Kubeflow showed it.

    Attributes:
        asked_at: When Kubeflow was asked: an older answer never overwrites a newer one.
    """

    run: Run
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Change:
    """A run that is new in the index, or has another state than before.

    Attributes:
        before: The state it had in the index; None when it was not there.
    """

    run: Run
    before: str | None


@dataclass(frozen=True, kw_only=True)
class Unnamed:
    """A thing whose name Kubeflow is to be asked for."""

    number: int
    kind: str
    id: str
    parent_id: str


def record(connection: Connection, seen: Sequence[Seen]) -> list[Change]:
    """Write down what Kubeflow showed, as far as it is news; the changes of state among it."""
    by_id = {one.run.run_id: one for one in seen}
    known = _known(connection, list(by_id))
    fresh = [one for one in by_id.values() if _is_news(one, known.get(one.run.run_id))]
    if not fresh:
        return []
    numbers = _numbers(connection, [one.run for one in fresh])
    jobs = _jobs(connection, [one.run.run_id for one in fresh])
    rows = [_row(one, numbers, jobs.get(one.run.run_id)) for one in fresh]
    connection.execute(_write_runs(connection.dialect.name, tuple(rows[0])), rows)
    return [
        Change(run=one.run, before=before)
        for one in fresh
        if (before := known[one.run.run_id]["state"] if one.run.run_id in known else None) != one.run.state
    ]


def remove(connection: Connection, run_ids: Iterable[str], *, with_labels: bool = False) -> None:
    """Runs that Kubeflow does not have any more. Labels stay unless the run was deleted on purpose."""
    ids = list(run_ids)
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        connection.execute(delete(indexed_runs).where(indexed_runs.c.run_id.in_(part)))
        if with_labels:
            connection.execute(delete(run_labels).where(run_labels.c.run_id.in_(part)))


def forget_everything(connection: Connection) -> None:
    """Empty the index: it is that of another Kubeflow."""
    connection.execute(delete(indexed_runs))
    connection.execute(delete(run_names))


def set_labels(connection: Connection, run_id: str, changes: Mapping[str, str | None]) -> dict[str, str]:
    """Add, change and (None) remove labels; those the run has then."""
    gone = [key for key, value in changes.items() if value is None]
    if gone:
        connection.execute(delete(run_labels).where(run_labels.c.run_id == run_id, run_labels.c.key.in_(gone)))
    rows = [{"run_id": run_id, "key": key, "value": value} for key, value in changes.items() if value is not None]
    if rows:
        insert = upsert(connection, run_labels)
        updated = {"value": insert.excluded.value}
        connection.execute(insert.on_conflict_do_update(index_elements=["run_id", "key"], set_=updated), rows)
    return labels_of(connection, [run_id]).get(run_id, {})


def labels_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The labels of runs; those without any are missing."""
    labels: dict[str, dict[str, str]] = {}
    for row in connection.execute(LABELS, {"run_ids": list(run_ids)}):
        labels.setdefault(row.run_id, {})[row.key] = row.value
    return labels


def active_runs(connection: Connection, after: str, limit: int) -> list[str]:
    """The ids of runs that had not ended, in the order of their ids, from behind one."""
    runs = indexed_runs.c
    query = select(runs.run_id).where(runs.is_ended.is_(False), runs.run_id > after).order_by(runs.run_id)
    return list(connection.execute(query.limit(limit)).scalars())


def created_between(
    connection: Connection, after: datetime | None, newest: datetime | None, without: Set[str], limit: int
) -> list[str]:
    """The ids of runs created after a time and not after another one, the newest first, without some of them."""
    runs = indexed_runs.c
    query = select(runs.run_id)
    if after is not None:
        query = query.where(runs.created_at > after)
    if newest is not None:
        query = query.where(runs.created_at <= newest)
    found = connection.execute(query.order_by(runs.created_at.desc()).limit(limit + len(without))).scalars()
    return [run_id for run_id in found if run_id not in without][:limit]


def unnamed(connection: Connection, now: datetime, limit: int) -> list[Unnamed]:
    """Things that have no name yet, and those that were asked for longest ago: names can change."""
    names = run_names.c
    stale = or_(names.asked_at.is_(None), names.asked_at < now - ASK_AGAIN)
    query = select(names.number, names.kind, names.id, names.parent_id).where(stale)
    found = connection.execute(query.order_by(names.asked_at.is_not(None), names.asked_at).limit(limit))
    return [Unnamed(number=row.number, kind=row.kind, id=row.id, parent_id=row.parent_id) for row in found]


def never_asked(connection: Connection, ids: Sequence[str]) -> list[Unnamed]:
    """Those of these things that nobody has asked Kubeflow for yet."""
    names = run_names.c
    query = select(names.number, names.kind, names.id, names.parent_id)
    found = connection.execute(query.where(names.id.in_(ids), names.asked_at.is_(None), names.name.is_(None)))
    return [Unnamed(number=row.number, kind=row.kind, id=row.id, parent_id=row.parent_id) for row in found]


def introduce(connection: Connection, runs: Sequence[Run]) -> list[Unnamed]:
    """Make room for the names of what runs are of; those that nobody has asked Kubeflow for yet."""
    return never_asked(connection, list({one for _, one in _numbers(connection, runs)}))


def nameless(connection: Connection, limit: int) -> list[Unnamed]:
    """Things that nobody has asked Kubeflow for yet."""
    names = run_names.c
    query = select(names.number, names.kind, names.id, names.parent_id).where(names.asked_at.is_(None))
    found = connection.execute(query.limit(limit))
    return [Unnamed(number=row.number, kind=row.kind, id=row.id, parent_id=row.parent_id) for row in found]


def name_things(connection: Connection, names: Mapping[int, str | None], now: datetime) -> None:
    """Keep names; a thing that has gone (None) keeps the last name it had."""
    for number, name in names.items():
        values: dict[str, Any] = {"asked_at": now} | ({} if name is None else {"name": name[:NAME_LIMIT]})
        connection.execute(run_names.update().where(run_names.c.number == number).values(**values))


def upsert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that can say what a conflict means."""
    return _insert(connection.dialect.name, table)


@cache
def _write_runs(dialect: str, columns: tuple[str, ...]) -> "sqlite.Insert | postgresql.Insert":
    insert = _insert(dialect, indexed_runs)
    updated = {column: insert.excluded[column] for column in columns if column != "run_id"}
    return insert.on_conflict_do_update(index_elements=["run_id"], set_=updated)


def _insert(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # loads four drivers' dialects, which SQLite's users need not wait for

    return postgresql.insert(table)


def _known(connection: Connection, run_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    known: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(run_ids), BATCH):
        found = connection.execute(KNOWN, {"run_ids": list(run_ids[start : start + BATCH])})
        known.update({str(row["run_id"]): dict(row) for row in found.mappings()})
    return known


def _is_news(seen: Seen, known: Mapping[str, Any] | None) -> bool:
    if known is None:
        return True
    run = seen.run
    is_same = (known["state"], known["is_archived"], known["finished_at"], known["name"], known["error"]) == (
        run.state,
        run.is_archived,
        _end(run),
        clean(run.display_name, NAME_LIMIT),
        clean(run.error_message, ERROR_LIMIT),
    )
    return not is_same and seen.asked_at >= known["seen_at"]


def _row(seen: Seen, numbers: Mapping[tuple[str, str], int], job_id: str | None) -> dict[str, Any]:
    run = seen.run
    searched = f"{run.display_name}\n{run.run_id}\n{run.description}".casefold()
    return {
        "run_id": run.run_id,
        "name": clean(run.display_name, NAME_LIMIT),
        "state": run.state,
        "is_archived": run.is_archived,
        "pipeline": numbers.get((PIPELINE, run.pipeline_id or "")),
        "version": numbers.get((VERSION, run.pipeline_version_id or "")),
        "experiment": numbers.get((EXPERIMENT, run.experiment_id)),
        "recurring_run_id": run.recurring_run_id,
        "training_job_id": job_id,
        "created_at": run.created_at or LONG_AGO,
        "scheduled_at": run.scheduled_at,
        "finished_at": _end(run),
        "finished_order": _end(run) or NOT_ENDED,
        "searched": clean(searched, SEARCHED_LIMIT),
        "arguments": dict(run.parameters),
        "error": clean(run.error_message, ERROR_LIMIT),
        "is_ended": run.has_ended,
        "seen_at": seen.asked_at,
    }


def _end(run: Run) -> datetime | None:
    """A run that is retried keeps the time of its first end in some versions of KFP: it has not ended."""
    return run.finished_at if run.has_ended else None


def _numbers(connection: Connection, runs: Sequence[Run]) -> dict[tuple[str, str], int]:
    things: dict[tuple[str, str], str] = {}
    for run in runs:
        parent = run.pipeline_id or ""
        for kind, one, above in (
            (PIPELINE, parent, ""),
            (VERSION, run.pipeline_version_id or "", parent),
            (EXPERIMENT, run.experiment_id, ""),
        ):
            if one:
                things[kind, one] = above
    if not things:
        return {}
    found = _known_numbers(connection, list(things))
    missing = [{"kind": k, "id": i, "parent_id": above} for (k, i), above in things.items() if (k, i) not in found]
    if missing:
        insert = upsert(connection, run_names).on_conflict_do_nothing(index_elements=["kind", "id"])
        connection.execute(insert, missing)
        found |= _known_numbers(connection, list(things))
    return found


def _known_numbers(connection: Connection, things: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for kind in (PIPELINE, VERSION, EXPERIMENT):
        ids = [one for of_kind, one in things if of_kind == kind]
        for start in range(0, len(ids), BATCH):
            rows = connection.execute(NUMBERS, {"wanted_kind": kind, "ids": ids[start : start + BATCH]})
            found.update(((kind, row.id), row.number) for row in rows)
    return found


def _jobs(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """The training jobs that the ledger says these runs are of."""
    jobs: dict[str, str] = {}
    for start in range(0, len(run_ids), BATCH):
        found = connection.execute(JOBS, {"run_ids": list(run_ids[start : start + BATCH])})
        jobs.update((row.run_id, row.job_id) for row in found)
    return jobs


def clean(text: str, limit: int) -> str:
    """A foreign text as the index keeps it: bounded, and without what PostgreSQL cannot hold."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:limit]
