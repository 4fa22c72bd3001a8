"""Pages of rows: the one place where list queries become SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, func, select, tuple_
from sqlalchemy.sql import Select

from kfadapter.engine.protocol.filters import Condition
from kfadapter.engine.protocol.paging import ListQuery
from kfadapter.engine.store.tables import TAGS

COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "EQUALS": lambda column, value: column == value,
    "NOT_EQUALS": lambda column, value: column != value,
    "GREATER_THAN": lambda column, value: column > value,
    "GREATER_THAN_EQUALS": lambda column, value: column >= value,
    "LESS_THAN": lambda column, value: column < value,
    "LESS_THAN_EQUALS": lambda column, value: column <= value,
    "IN": lambda column, value: column.in_(value),
    # KFP leaves `%` and `_` to MySQL, so they are wildcards, and a backslash takes that from them; LIKE ignores the
    # case of ASCII letters.
    "IS_SUBSTRING": lambda column, value: column.like(f"%{value}%", escape="\\"),
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
) -> Rows:
    """A page of a table.

    Args:
        scope: Columns that must equal values, besides the query's conditions.
        owner: The column that tags refer to.
        statement: What to select instead of the whole row; must bring `seq` and the sort column.
    """
    matching = _matching(table, query, scope or {}, owner)
    sort = table.c[query.order.column]
    chosen = (statement if statement is not None else select(table)).where(*matching)
    if query.after is not None:
        chosen = chosen.where(_beyond(table, query))
    for column in (sort, table.c.seq):
        chosen = chosen.order_by(column.desc() if query.order.descending else column.asc())
    rows = connection.execute(chosen.limit(query.page_size + 1)).all()
    shown = tuple(rows[: query.page_size])
    has_more = len(rows) > query.page_size
    last = (shown[-1]._mapping[sort.name], shown[-1].seq) if has_more else None
    total = _total(connection, table, matching, len(shown) if not has_more and query.after is None else None)
    return Rows(rows=shown, total=total, last=last)


def _matching(table: Table, query: ListQuery, scope: Mapping[str, str], owner: str) -> list[ColumnElement[bool]]:
    return [
        *(table.c[column] == value for column, value in scope.items()),
        *(_comparison(table, condition) for condition in query.conditions.columns),
        *(_has_tag(table.c[owner], key, value) for key, value in query.conditions.tags),
    ]


def _comparison(table: Table, condition: Condition) -> ColumnElement[bool]:
    return COMPARISONS[condition.operation](table.c[condition.column], condition.value)


def _has_tag(owner: ColumnElement[Any], key: str, value: str) -> ColumnElement[bool]:
    return owner.in_(select(TAGS.c.owner_id).where(and_(TAGS.c.key == key, TAGS.c.value == value)))


def _beyond(table: Table, query: ListQuery) -> ColumnElement[bool]:
    place = tuple_(table.c[query.order.column], table.c.seq)
    last = tuple_(*(query.after or ()))
    return place < last if query.order.descending else place > last


def _total(connection: Connection, table: Table, matching: list[ColumnElement[bool]], known: int | None) -> int:
    """How many rows match; known without asking when they are all on the first page."""
    if known is not None:
        return known
    return int(connection.execute(select(func.count()).select_from(table).where(*matching)).scalar_one())
