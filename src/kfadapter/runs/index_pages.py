"""Pages of the index: first the ids, found in an index alone, then the rows of the page with the names of things."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from kfadapter.database.columns import Moment
from kfadapter.database.run_tables import indexed_runs, run_labels, run_names
from kfadapter.runs.index_rows import EXPERIMENT, PIPELINE, VERSION, labels_of
from kfadapter.runs.queries import LABEL_KEY, Predicate, RunQuery

RUNS = indexed_runs.c
WHOLE_RUNS = select(indexed_runs).where(RUNS.run_id.in_(bindparam("run_ids", expanding=True)))
NAMES = select(run_names.c.number, run_names.c.id, run_names.c.name).where(
    run_names.c.number.in_(bindparam("numbers", expanding=True))
)
# The columns of each order. The last one is the id, so that no two runs have the same place.
ORDERS: Mapping[str, tuple[ColumnElement[Any], ...]] = {
    "created_at": (RUNS.created_at, RUNS.run_id),
    "finished_at": (RUNS.finished_order, RUNS.run_id),
    "name": (RUNS.name, RUNS.run_id),
    "state": (RUNS.state, RUNS.created_at, RUNS.run_id),
}
COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "run_id": RUNS.run_id,
    "name": RUNS.name,
    "state": RUNS.state,
    "created_at": RUNS.created_at,
    "scheduled_at": RUNS.scheduled_at,
    "finished_at": RUNS.finished_at,
    "recurring_run_id": RUNS.recurring_run_id,
    "training_job_id": RUNS.training_job_id,
}
THINGS: Mapping[str, tuple[ColumnElement[Any], str]] = {
    "experiment_id": (RUNS.experiment, EXPERIMENT),
    "pipeline_id": (RUNS.pipeline, PIPELINE),
    "pipeline_version_id": (RUNS.version, VERSION),
}
# More runs than this with a label, and the page is looked for among all runs; fewer, among those.
FEW_LABELLED = 2000
ESCAPE = "\\"
LAST_CHARACTER = "\uffff"


@dataclass(frozen=True, kw_only=True)
class IndexedRun:
    """A run as the index has it. Names are None where they are not known (yet)."""

    run_id: str
    name: str
    state: str
    is_archived: bool
    pipeline_id: str | None
    pipeline_name: str | None
    version_id: str | None
    version_name: str | None
    experiment_id: str | None
    experiment_name: str | None
    recurring_run_id: str | None
    training_job_id: str | None
    created_at: datetime
    scheduled_at: datetime | None
    finished_at: datetime | None
    arguments: Mapping[str, Any]
    error: str
    labels: Mapping[str, str]


def page(
    connection: Connection, query: RunQuery, size: int, after: tuple[str, ...] | None
) -> tuple[list[IndexedRun], tuple[str, ...] | None]:
    """The runs of a page, and the place the next page follows; None on the last page.

    Args:
        size: Runs a page.
        after: The place of the page before; None: from the start.
    """
    columns = ORDERS[query.sort_by]
    conditions = _conditions(connection, query)
    if after is not None:
        places = tuple_(
            *(literal(value, column.type) for value, column in zip(_read(after, columns), columns, strict=True))
        )
        behind = tuple_(*columns)
        conditions.append(behind < places if query.is_descending else behind > places)
    order = [column.desc() if query.is_descending else column.asc() for column in columns]
    found = connection.execute(select(*columns).where(and_(True, *conditions)).order_by(*order).limit(size + 1)).all()
    rows = rows_of(connection, [row[-1] for row in found[:size]])
    return rows, _written(found[size - 1]) if len(found) > size else None


def rows_of(connection: Connection, run_ids: Sequence[str]) -> list[IndexedRun]:
    """Runs with their names and labels, in the order of their ids; those the index lacks are left out."""
    if not run_ids:
        return []
    found = {row["run_id"]: row for row in _mappings(connection, run_ids)}
    numbers = {row[key] for row in found.values() for key in (PIPELINE, VERSION, EXPERIMENT)}
    names = _names(connection, [number for number in numbers if number is not None])
    labels = labels_of(connection, run_ids)
    return [_indexed(found[one], names, labels.get(one, {})) for one in run_ids if one in found]


def _conditions(connection: Connection, query: RunQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    # The list's own order, newest first, is that of the indexes that begin with a filtered column. Any other order, and
    # a text, need the index that holds everything: an equation would draw the planner to the wrong one.
    is_led = query.sort_by == "created_at" and not query.text
    for column, kind, wanted in (
        (RUNS.pipeline, PIPELINE, query.pipeline),
        (RUNS.version, VERSION, query.version),
        (RUNS.experiment, EXPERIMENT, query.experiment),
    ):
        if wanted is not None:
            conditions.append(_is_any(column, _numbers(connection, kind, wanted), is_led=is_led))
    for column, value in (
        (RUNS.training_job_id, query.training_job_id),
        (RUNS.recurring_run_id, query.recurring_run_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if query.name is not None:
        conditions.append(RUNS.name == query.name)
    if query.id_prefix is not None:
        conditions.append(and_(RUNS.run_id >= query.id_prefix, RUNS.run_id < query.id_prefix + LAST_CHARACTER))
    if query.states:
        conditions.append(_is_any(RUNS.state, query.states, is_led=is_led or query.sort_by == "state"))
    if query.archived is not None:
        conditions.append(RUNS.is_archived.is_(query.archived))
    if query.text:
        conditions.append(_contains(RUNS.searched, query.text.casefold()))
    conditions += _times(query)
    conditions += [_has_label(connection, key, value) for key, value in query.labels.items()]
    return conditions + [_predicate(connection, one) for one in query.predicates]


def _times(query: RunQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.created_after is not None:
        conditions.append(RUNS.created_at >= query.created_after)
    if query.created_before is not None:
        conditions.append(RUNS.created_at < query.created_before)
    if query.finished_after is not None:
        conditions.append(and_(RUNS.finished_order >= query.finished_after, RUNS.finished_at.is_not(None)))
    if query.finished_before is not None:
        conditions.append(RUNS.finished_order < query.finished_before)
    return conditions


def _predicate(connection: Connection, one: Predicate) -> ColumnElement[bool]:
    if one.key.startswith(LABEL_KEY):
        return _label_predicate(one)
    if one.key == "storage_state":
        words = case_of_archived()
        return _compared(words, one)
    if one.key in THINGS:
        column, kind = THINGS[one.key]
        names = run_names.c
        numbers = select(names.number).where(names.kind == kind, _compared(names.id, one))
        return column.in_(numbers)
    return _compared(COLUMNS[one.key], one)


def case_of_archived() -> ColumnElement[Any]:
    """KFP's words for a run's place."""
    return case((RUNS.is_archived.is_(True), "ARCHIVED"), else_="AVAILABLE")


COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "IN": lambda column, values: column.in_(values),
    "IS_SUBSTRING": lambda column, text: _contains(func.lower(column), str(text).lower()),
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUALS": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_EQUALS": operator.le,
}


def _compared(column: ColumnElement[Any], one: Predicate) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = COMPARISONS[one.operation](column, one.value)
    return condition


def _label_predicate(one: Predicate) -> ColumnElement[bool]:
    labels = run_labels.c
    key = one.key.removeprefix(LABEL_KEY)
    positive = Predicate(key=one.key, operation="EQUALS", value=one.value) if one.operation == "NOT_EQUALS" else one
    found = _label_of_the_run(and_(labels.key == key, _compared(labels.value, positive)))
    return found.is_(None) if one.operation == "NOT_EQUALS" else found.is_not(None)


def _has_label(connection: Connection, key: str, value: str | None) -> ColumnElement[bool]:
    labels = run_labels.c
    matching = labels.key == key if value is None else and_(labels.key == key, labels.value == value)
    some = select(labels.run_id).where(matching).limit(FEW_LABELLED + 1).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() <= FEW_LABELLED:
        return RUNS.run_id.in_(select(labels.run_id).where(matching))
    return _label_of_the_run(matching).is_not(None)


def _label_of_the_run(matching: ColumnElement[bool]) -> ScalarSelect[Any]:
    """1 where the run has such a label, else NULL.

    Not EXISTS: PostgreSQL makes a join of that and reads all such labels first; this it asks of each run it passes.
    """
    return select(literal(1)).where(run_labels.c.run_id == RUNS.run_id, matching).limit(1).scalar_subquery()


def _is_any(column: ColumnElement[Any], values: Sequence[Any], *, is_led: bool) -> ColumnElement[bool]:
    """One of the values.

    Args:
        is_led: An index that begins with this column may be used. It serves for a single value only: those of several
            would have to be merged and sorted.
    """
    if not values:
        return false()
    if len(values) == 1 and is_led:
        condition: ColumnElement[bool] = column == values[0]
        return condition
    unindexed = column + 0 if isinstance(column.type, Integer) else column.concat("")
    return unindexed.in_(values)


def _contains(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    escaped = text.replace(ESCAPE, ESCAPE * 2).replace("%", ESCAPE + "%").replace("_", ESCAPE + "_")
    return column.like(f"%{escaped}%", escape=ESCAPE)


def _numbers(connection: Connection, kind: str, wanted: str) -> list[int]:
    names = run_names.c
    query = select(names.number).where(names.kind == kind, or_(names.id == wanted, names.name == wanted))
    return list(connection.execute(query.limit(500)).scalars())


def _mappings(connection: Connection, run_ids: Sequence[str]) -> Sequence[Any]:
    return connection.execute(WHOLE_RUNS, {"run_ids": list(run_ids)}).mappings().all()


def _names(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    found = connection.execute(NAMES, {"numbers": list(numbers)})
    return {row.number: (row.id, row.name) for row in found}


def _indexed(
    row: Mapping[str, Any], names: Mapping[int, tuple[str, str | None]], labels: Mapping[str, str]
) -> IndexedRun:
    nobody: tuple[str | None, str | None] = (None, None)
    pipeline, version, experiment = (names.get(row[key], nobody) for key in (PIPELINE, VERSION, EXPERIMENT))
    same = ("run_id", "name", "state", "is_archived", "recurring_run_id", "training_job_id", "created_at")
    return IndexedRun(
        **{key: row[key] for key in (*same, "scheduled_at", "finished_at", "arguments", "error")},
        pipeline_id=pipeline[0],
        pipeline_name=pipeline[1],
        version_id=version[0],
        version_name=version[1],
        experiment_id=experiment[0],
        experiment_name=experiment[1],
        labels=labels,
    )


def _written(row: Sequence[Any]) -> tuple[str, ...]:
    return tuple(one.astimezone(UTC).isoformat() if isinstance(one, datetime) else str(one) for one in row)


def _read(after: Sequence[str], columns: Sequence[ColumnElement[Any]]) -> list[Any]:
    return [
        datetime.fromisoformat(text) if isinstance(column.type, Moment) else text
        for text, column in zip(after, columns, strict=True)
    ]
