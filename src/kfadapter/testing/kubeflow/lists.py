"""Lists of a fake Kubeflow: filters, orders and page tokens with KFP's rules and refusals."""

import base64
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_plus

from kfadapter.testing.kubeflow.wire import KFPError, invalid

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE_SIZE = 200
OPERATIONS = (
    "OPERATION_UNSPECIFIED",
    "EQUALS",
    "NOT_EQUALS",
    "GREATER_THAN",
    "GREATER_THAN_EQUALS",
    "LESS_THAN",
    "LESS_THAN_EQUALS",
    "IN",
    "IS_SUBSTRING",
)
VALUE_KEYS = {
    "int_value",
    "long_value",
    "string_value",
    "timestamp_value",
    "int_values",
    "long_values",
    "string_values",
}
CRITERIA_MISMATCH = (
    "page token does not match the supplied sort by and/or filtering criteria. "
    "Either specify the same criteria or leave the latter empty if page token is specified"
)
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")

Row = TypeVar("Row")
Value = str | int | datetime | list[str]
Place = tuple[str | int, str]


@dataclass(frozen=True, kw_only=True)
class Table(Generic[Row]):
    """What can be listed.

    Attributes:
        type_name: KFP's word for it in refusals.
        columns: How to read a row, by the names that filters and orders may use.
        context: What KFP says before a refusal; may use `{criteria}`.
    """

    type_name: str
    identity: Callable[[Row], str]
    columns: Mapping[str, Callable[[Row], Value]]
    context: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """A list call's parameters, as they came."""

    page_token: str = ""
    page_size: int = 0
    sort_by: str = ""
    filter: str = ""

    @property
    def criteria(self) -> str:
        return (
            f"pageToken: {self.page_token}, pageSize: {self.page_size}, sortBy: {self.sort_by}, filter: {self.filter}"
        )


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """One condition."""

    operation: str
    key: str
    value: Value

    def holds(self, actual: Value) -> bool:
        """Compare as KFP on MySQL does: letter case does not count."""
        left, right = _comparable(actual), _comparable(self.value)
        if isinstance(left, int) and isinstance(right, str):
            right = int((re.match(r"\d*", right) or [""])[0] or 0)  # how MySQL compares a number with a text
        match self.operation:
            case "EQUALS":
                return bool(left == right)
            case "NOT_EQUALS":
                return bool(left != right)
            case "IN":
                return isinstance(right, list) and left in right
            case "IS_SUBSTRING":
                return _like(str(right)).search(str(left)) is not None
            case "GREATER_THAN":
                return bool(left > right)
            case "GREATER_THAN_EQUALS":
                return bool(left >= right)
            case "LESS_THAN":
                return bool(left < right)
        return bool(left <= right)


@dataclass(frozen=True, kw_only=True)
class _Listing:
    """What a page token remembers: order, predicates, and the row the page starts with."""

    column: str
    is_descending: bool
    predicates: tuple[Predicate, ...]
    start: Place | None = None


def read_page(table: Table[Row], rows: Sequence[Row], query: Query) -> tuple[list[Row], str, int]:
    """The rows of one page, the next page's token, and how many rows match altogether.

    Raises:
        KFPError: A parameter is refused.
    """
    context = table.context.format(criteria=query.criteria)
    if query.page_size < 0:
        raise invalid(context, f"The page size should be greater than 0. Got {query.page_size}")
    listing = _listing(table, query, context)
    matching = [row for row in rows if all(one.holds(table.columns[one.key](row)) for one in listing.predicates)]
    ordered = sorted(matching, key=lambda row: _place(table, listing, row), reverse=listing.is_descending)
    size = min(query.page_size or DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)
    begin = _begin(table, listing, ordered)
    shown, rest = ordered[begin : begin + size], ordered[begin + size : begin + size + 1]
    return shown, _token(table, listing, rest[0]) if rest else "", len(matching)


def read_filter(table: Table[Row], text: str, context: str) -> tuple[Predicate, ...]:
    """Decode and check a filter; KFP decodes percent escapes once more than HTTP has done."""
    if not text:
        return ()
    broken = BROKEN_ESCAPE.search(text)
    if broken:
        raise invalid(context, f'failed to parse valid filter from "{text}": invalid URL escape "{broken[0]}"')
    try:
        document = json.loads(unquote_plus(text))
    except ValueError as exc:
        raise invalid(context, f'failed to parse valid filter from "{text}": proto: syntax error: {exc}') from exc
    if not isinstance(document, dict) or not set(document) <= {"predicates"}:
        raise invalid(context, f'failed to parse valid filter from "{text}": proto: unknown field')
    return tuple(_predicate(table, raw, context) for raw in document.get("predicates") or [])


def _listing(table: Table[Row], query: Query, context: str) -> _Listing:
    if not query.page_token:
        column, is_descending = _order(table, query.sort_by, context)
        return _Listing(
            column=column, is_descending=is_descending, predicates=read_filter(table, query.filter, context)
        )
    remembered = _from_token(table, query.page_token, context)
    if query.sort_by or query.filter:
        order = _order(table, query.sort_by, context)
        wanted = (*order, read_filter(table, query.filter, context))
        if wanted != (remembered.column, remembered.is_descending, remembered.predicates):
            raise invalid(context, CRITERIA_MISMATCH)
    return remembered


def _order(table: Table[Row], sort_by: str, context: str) -> tuple[str, bool]:
    words = sort_by.lower().split()
    if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise invalid(
            context,
            f'Received invalid sort by format "{sort_by}". '
            'Supported format: "field_name", "field_name desc", or "field_name asc"',
        )
    column = words[0] if words else "created_at"
    if column not in table.columns:
        raise invalid(context, f'Invalid sorting field: "{column}" on listable type {table.type_name}')
    return column, words[1:] == ["desc"]


def _predicate(table: Table[Row], raw: Any, context: str) -> Predicate:
    if not isinstance(raw, dict):
        raise invalid(context, "failed to parse filter spec: proto: syntax error")
    fields = {_snake(key): value for key, value in raw.items()}
    unknown = set(fields) - VALUE_KEYS - {"operation", "key"}
    values = [key for key in fields if key in VALUE_KEYS]
    if unknown or len(values) > 1:
        raise invalid(context, f"failed to parse filter spec: proto: {' '.join(sorted(unknown) or values)}")
    operation = fields.get("operation", OPERATIONS[0])
    operation = OPERATIONS[operation] if isinstance(operation, int) and operation < len(OPERATIONS) else operation
    if operation not in OPERATIONS:
        raise invalid(context, f'failed to parse filter spec: proto: invalid value for enum operation "{operation}"')
    key = str(fields.get("key", ""))
    if operation == OPERATIONS[0] or not values:
        raise invalid(context, "no operation or no value in a predicate")
    if key not in table.columns:
        raise invalid(context, f'no support for filtering on unrecognized field "{key}"')
    return Predicate(operation=operation, key=key, value=_value(values[0], fields[values[0]], operation, context))


def _value(kind: str, raw: Any, operation: str, context: str) -> Value:
    is_list = kind.endswith("_values")
    if (operation == "IN") != is_list:
        raise invalid(context, f"cannot use {operation} operator with {'list' if is_list else 'scalar'} type {kind}")
    if operation == "IS_SUBSTRING" and kind != "string_value":
        raise invalid(context, f"cannot use IS_SUBSTRING operator with type {kind}")
    try:
        if is_list:
            return [str(one) for one in (raw or {}).get("values", [])]
        if kind == "timestamp_value":
            return datetime.fromisoformat(raw)
        return str(raw) if kind == "string_value" else int(raw)
    except (TypeError, ValueError, AttributeError) as exc:
        raise invalid(context, f"failed to parse filter spec: proto: invalid value for {kind}: {raw!r}") from exc


def _token(table: Table[Row], listing: _Listing, first: Row) -> str:
    place = _place(table, listing, first)
    document = {
        "SortByFieldName": listing.column,
        "SortByFieldValue": place[0],
        "KeyFieldValue": place[1],
        "IsDesc": listing.is_descending,
        "Filter": [[one.operation, one.key, _written(one.value)] for one in listing.predicates],
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


def _from_token(table: Table[Row], token: str, context: str) -> _Listing:
    try:
        document = json.loads(base64.b64decode(token, validate=True))
    except ValueError as exc:
        raise KFPError(3, f"{context}: InvalidInputError: Invalid page token: {exc}", "Invalid page token") from exc
    if not isinstance(document, dict) or document.get("SortByFieldName") not in table.columns:
        raise invalid(context, CRITERIA_MISMATCH)
    return _Listing(
        column=document["SortByFieldName"],
        is_descending=document["IsDesc"],
        predicates=tuple(
            Predicate(operation=operation, key=key, value=_reread(value))
            for operation, key, value in document["Filter"]
        ),
        start=(document["SortByFieldValue"], document["KeyFieldValue"]),
    )


def _place(table: Table[Row], listing: _Listing, row: Row) -> Place:
    """Where a row stands: its value in a form that sorts, then its id."""
    return (_sortable(table.columns[listing.column](row)), table.identity(row))


def _begin(table: Table[Row], listing: _Listing, ordered: Sequence[Row]) -> int:
    """The number of the first row at or after the place where the page starts."""
    if listing.start is None:
        return 0
    if not listing.is_descending:
        return bisect_left(ordered, listing.start, key=lambda row: _place(table, listing, row))
    # From the back the rows ascend.
    return len(ordered) - bisect_right(ordered[::-1], listing.start, key=lambda row: _place(table, listing, row))


def _sortable(value: Value) -> str | int:
    return int(value.timestamp()) if isinstance(value, datetime) else str(value).casefold()


def _comparable(value: Value) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, list):
        return [one.casefold() for one in value]
    return value.casefold() if isinstance(value, str) else value


def _like(pattern: str) -> re.Pattern[str]:
    """SQL's LIKE with a wildcard on both sides, whose own wildcards KFP does not escape."""
    return re.compile(re.escape(pattern).replace("%", ".*").replace("_", "."), re.DOTALL)


def _written(value: Value) -> Any:
    return {"time": value.isoformat()} if isinstance(value, datetime) else value


def _reread(value: Any) -> Value:
    return datetime.fromisoformat(value["time"]) if isinstance(value, dict) else value


def _snake(key: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), key)
