"""Pages of rows: the one place where list queries become SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    cast,
    func,
    select,
    tuple_,
)
from sqlalchemy.sql import Select

from kfadapter.engine.protocol.filters import Condition
from kfadapter.engine.protocol.paging import ListQuery
from kfadapter.engine.store.tables import TAGS

RARE = 500
"""So few rows of a search are ordered by themselves."""
COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "EQUALS": lambda column, value: column == value,
    "NOT_EQUALS": lambda column, value: column != value,
    "GREATER_THAN": lambda column, value: column > value,
    "GREATER_THAN_EQUALS": lambda column, value: column >= value,
    "LESS_THAN": lambda column, value: column < value,
    "LESS_THAN_EQUALS": lambda column, value: column <= value,
    "IN": lambda column, value: column.in_(value),
    # KFP leaves `%` and `_` to the database, so they are wildcards; LIKE ignores the case of ASCII letters.
    "IS_SUBSTRING": lambda column, value: column.like(f"%{value}%"),
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A page.

    Attributes:
        rows: The rows, in order.
        total: Rows that match, over all pages.
        last: Sort value and sequence of the last row when there are more; None on the last page.
    """

    rows: tuple[Row[Any], ...]
    total: int
    last: tuple[str | int, int] | None


def page(
    connection: Connection,
    table: Table,
    query: ListQuery,
    *,
    scope: Mapping[str, str] | None = None,
    owner: str = "",
    statement: Select[Any] | None = None,
    counts: Table | None = None,
) -> Rows:
    """A page of a table.

    Args:
        scope: Columns that must equal values, besides the query's conditions.
        owner: The column that tags refer to.
        statement: What to select instead of the whole row; must bring `seq` and the sort column.
        counts: Where numbers of rows are kept, by the columns that lists are mostly narrowed by.
    """
    scope = scope or {}
    matching = _matching(table, query, scope, owner)
    chosen = statement if statement is not None else select(table)
    found = _rare(connection, table, query, matching) if _is_search(query) else None
    if found is None:
        rows = _in_order(connection, table, query, chosen.where(*matching))
    else:
        rows = _in_order(connection, table, query, chosen.where(table.c.seq.in_(found)))
    shown = tuple(rows[: query.page_size])
    has_more = len(rows) > query.page_size
    last = (shown[-1]._mapping[query.order.column], shown[-1].seq) if has_more else None
    if found is not None:
        return Rows(rows=shown, total=len(found), last=last)
    if not has_more and query.after is None:
        return Rows(rows=shown, total=len(shown), last=last)
    kept = _kept(connection, counts, query, scope) if counts is not None else None
    return Rows(rows=shown, total=_counted(connection, table, matching) if kept is None else kept, last=last)


def _in_order(connection: Connection, table: Table, query: ListQuery, chosen: Select[Any]) -> Sequence[Row[Any]]:
    """The page's rows, and one more when there is one."""
    if query.after is not None:
        chosen = chosen.where(_beyond(table, query))
    for column in (table.c[query.order.column], table.c.seq):
        chosen = chosen.order_by(column.desc() if query.order.descending else column.asc())
    return connection.execute(chosen.limit(query.page_size + 1)).all()


def _is_search(query: ListQuery) -> bool:
    """Whether rows are looked for that no index leads to."""
    return any(condition.operation == "IS_SUBSTRING" for condition in query.conditions.columns)


def _rare(
    connection: Connection, table: Table, query: ListQuery, matching: list[ColumnElement[bool]]
) -> list[int] | None:
    """All rows that match, by sequence, from one look through an index; None when they are many.

    Walking the rows in their order until a page is full would look at nearly all of them when few match, and counting
    them would do so again.
    """
    chosen = select(table.c.seq).where(*matching).limit(RARE + 1)
    found = list(connection.execute(chosen).scalars())
    return None if len(found) > RARE else found


def _kept(connection: Connection, counts: Table, query: ListQuery, scope: Mapping[str, str]) -> int | None:
    """How many rows match, from the numbers that are kept; None when these do not tell."""
    named = {*scope, *(condition.column for condition in query.conditions.columns)}
    if query.conditions.tags or not named <= set(counts.c.keys()):
        return None
    matching = _matching(counts, query, scope, "")
    return int(connection.execute(select(func.sum(counts.c.number)).where(*matching)).scalar_one() or 0)


def _matching(table: Table, query: ListQuery, scope: Mapping[str, str], owner: str) -> list[ColumnElement[bool]]:
    return [
        *(table.c[column] == value for column, value in scope.items()),
        *(_comparison(table, condition) for condition in query.conditions.columns),
        *(_has_tag(table.c[owner], key, value) for key, value in query.conditions.tags),
    ]


def _comparison(table: Table, condition: Condition) -> ColumnElement[bool]:
    column: ColumnElement[Any] = table.c[condition.column]
    is_text = isinstance(column.type, String)
    is_compared_as_text = isinstance(column.type, LargeBinary) or condition.operation == "IS_SUBSTRING"
    if is_compared_as_text and not is_text:
        column = cast(column, Text)
    return COMPARISONS[condition.operation](column, condition.value)


def _has_tag(owner: ColumnElement[Any], key: str, value: str) -> ColumnElement[bool]:
    return owner.in_(select(TAGS.c.owner_id).where(and_(TAGS.c.key == key, TAGS.c.value == value)))


def _beyond(table: Table, query: ListQuery) -> ColumnElement[bool]:
    place = tuple_(table.c[query.order.column], table.c.seq)
    last = tuple_(*(query.after or ()))
    return place < last if query.order.descending else place > last


def _counted(connection: Connection, table: Table, matching: list[ColumnElement[bool]]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*matching)).scalar_one())
