"""List requests: page size, order, filter and page token, read once for all resources.

A page token holds the criteria and the place after the last row shown: the sort column's value and the row's
sequence number. Equal values are ordered by sequence, so rows that are added while someone pages never move others:
nothing is shown twice and nothing is left out.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfadapter.engine.protocol.faults import ApiError, Code, Unreadable, internal, invalid
from kfadapter.engine.protocol.filters import (
    OPERATIONS,
    Condition,
    Conditions,
    Keys,
    decode,
    read_predicates,
    split_tags,
    to_conditions,
    to_predicates,
)
from kfadapter.engine.protocol.jsontext import SyntaxFault, read_first

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 200
MAX_SORT_FIELD = 128
MISMATCH = (
    "page token does not match the supplied sort by and/or filtering criteria. "
    "Either specify the same criteria or leave the latter empty if page token is specified"
)
SORT_FORMATS = 'Supported format: "field_name", "field_name desc", or "field_name asc"'
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, kw_only=True)
class Listable:
    """What a resource says about its lists.

    Attributes:
        model: The name KFP's errors use.
        table: Where the rows are; tokens name it.
        noun: The plural, for errors.
        keys: What may be filtered and sorted by.
        refusal: What stands before the reason when criteria are refused; may name the request's parameters.
        sort_prefixes: Sort keys with such a prefix are accepted and keep the default order.
    """

    model: str
    table: str
    noun: str
    keys: Keys
    refusal: str
    sort_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order of a list: a column, then the sequence."""

    column: str = "created_at"
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """What a list is to show.

    Attributes:
        conditions: What narrows it.
        order: Its order.
        page_size: Rows at most.
        after: Value of the sort column and sequence of the last row shown so far; None: from the start.
    """

    conditions: Conditions
    order: Order
    page_size: int
    after: tuple[str | int, int] | None = None


def read_list_query(query: Mapping[str, Any], listable: Listable) -> ListQuery:
    """The request's parameters as a query.

    Raises:
        ApiError: They do not go together, or one is wrong.
    """
    encoded = query.get("filter", "")
    rest, tags = _tag_phase(encoded, listable) if listable.keys.has_tags else ([], ())
    try:
        return _read(query, listable, rest, tags)
    except ApiError as exc:
        if exc.code is Code.INTERNAL:
            raise
        raise exc.within(_refusal(query, listable)) from exc


def next_token(query: ListQuery, listable: Listable, value: str | int, sequence: int) -> str:
    """The token of the page after a row."""
    token = {
        "SortByFieldName": query.order.column,
        "SortByFieldValue": value,
        "KeyFieldName": "seq",
        "KeyFieldValue": sequence,
        "IsDesc": query.order.descending,
        "ModelName": listable.table,
        "Filter": [[c.column, c.operation, c.value] for c in query.conditions.columns],
        "Tags": [list(tag) for tag in query.conditions.tags],
    }
    return base64.b64encode(json.dumps(token, separators=(",", ":")).encode()).decode()


def _refusal(query: Mapping[str, Any], listable: Listable) -> str:
    given = {name: query.get(name, "") for name in ("page_token", "sort_by", "filter")}
    return listable.refusal.format(page_size=query.get("page_size", 0), **given)


def _tag_phase(encoded: str, listable: Listable) -> tuple[list[dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Resources with tags take the tag predicates out of the filter before they look at anything else."""
    if not encoded:
        return [], ()
    context = f"Failed to list {listable.noun} due to invalid tag filter in filter spec"
    try:
        decoded = decode(encoded)
    except Unreadable as exc:
        raise invalid(f"failed to decode filter spec: {exc.message}").within(context) from exc
    try:
        return split_tags(read_predicates(decoded))
    except Unreadable as exc:
        raise invalid(f"failed to parse filter spec: {exc.message}").within(context) from exc
    except ApiError as exc:
        raise exc.within(context) from exc


def _read(
    query: Mapping[str, Any], listable: Listable, rest: list[dict[str, Any]], tags: tuple[tuple[str, str], ...]
) -> ListQuery:
    given_token = query.get("page_token", "")
    if not given_token:
        return _first_page(query, listable, rest, tags)
    size = page_size(query)
    continued = _from_token(given_token, listable, size)
    if query.get("sort_by") or query.get("filter"):
        again = _first_page(query, listable, rest, tags)
        if (again.order, _canonical(again.conditions)) != (continued.order, _canonical(continued.conditions)):
            raise invalid(MISMATCH)
    return continued


def _first_page(
    query: Mapping[str, Any], listable: Listable, rest: list[dict[str, Any]], tags: tuple[tuple[str, str], ...]
) -> ListQuery:
    messages = rest if listable.keys.has_tags else _plain_filter(query.get("filter", ""))
    predicates = to_predicates(messages)
    size = page_size(query)
    order = _order(query.get("sort_by", ""), listable)
    conditions = Conditions(columns=to_conditions(predicates, listable.keys), tags=tags)
    return ListQuery(conditions=conditions, order=order, page_size=size)


def _plain_filter(encoded: str) -> list[dict[str, Any]]:
    if not encoded:
        return []
    try:
        return read_predicates(decode(encoded))
    except Unreadable as exc:
        shown = json.dumps(encoded, ensure_ascii=False)
        raise invalid(f"failed to parse valid filter from {shown}: {exc.message}") from exc


def page_size(query: Mapping[str, Any]) -> int:
    """How many rows a page may have.

    Raises:
        ApiError: Fewer than none are asked for.
    """
    asked = int(query.get("page_size", 0))
    if asked < 0:
        raise invalid(f"The page size should be greater than 0. Got {asked}")
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def _order(sort_by: str, listable: Listable) -> Order:
    words = sort_by.lower().split()
    if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
        raise invalid(f"Received invalid sort by format {json.dumps(sort_by, ensure_ascii=False)}. {SORT_FORMATS}")
    if not words:
        return Order()
    descending = words[-1] == "desc" and len(words) == 2
    column = listable.keys.columns.get(words[0])
    if column is None and words[0].startswith(listable.sort_prefixes or ("\0",)):
        column = Order().column
    if column is None:
        shown = json.dumps(words[0], ensure_ascii=False)
        raise invalid(f"Invalid sorting field: {shown} on listable type {listable.model}")
    return Order(column=column, descending=descending)


def _from_token(text: str, listable: Listable, page_size: int) -> ListQuery:
    token = _decoded(text)
    column = token.get("SortByFieldName", "")
    if column and not (isinstance(column, str) and _FIELD_NAME.fullmatch(column)):
        shown = json.dumps(column, ensure_ascii=False)
        raise invalid(
            f"Invalid sort field name: {shown}. Field names must start with a letter and contain only letters, "
            f"numbers, and underscores (max {MAX_SORT_FIELD} characters)"
        )
    if not column:
        raise invalid(MISMATCH)
    if token.get("ModelName") != listable.table or column not in listable.keys.columns.values():
        raise _foreign(token, listable)
    after = (token.get("SortByFieldValue"), token.get("KeyFieldValue"))
    if not isinstance(after[0], str | int) or not isinstance(after[1], int):
        raise _unusable("it does not name a row")
    order = Order(column=column, descending=token.get("IsDesc") is True)
    conditions = _token_conditions(token, listable)
    return ListQuery(conditions=conditions, order=order, page_size=page_size, after=(after[0], after[1]))


def _decoded(text: str) -> dict[str, Any]:
    try:
        content = base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as exc:
        raise _unusable(f"illegal base64 data at input byte {_bad_byte(text)}") from exc
    try:
        token = read_first(content).value
    except SyntaxFault as exc:
        raise _unusable(exc.as_go()) from exc
    if not isinstance(token, dict):
        raise _unusable("json: cannot unmarshal into Go value of type list.token")
    return token


def _bad_byte(text: str) -> int:
    match = re.match(r"[A-Za-z0-9+/]*", text)
    return match.end() if match else 0


def _unusable(reason: str) -> ApiError:
    return ApiError(Code.INVALID_ARGUMENT, f"InvalidInputError: Invalid page token: {reason}", "Invalid page token")


def _foreign(token: Mapping[str, Any], listable: Listable) -> ApiError:
    """KFP puts the foreign column into its query and answers with the database's error."""
    column = f"{token.get('ModelName', '')}.{token.get('SortByFieldName', '')}"
    failed = f"Failed to list {listable.noun}"
    return internal(f"{failed}: Unknown column '{column}'").within(failed, failed)


def _token_conditions(token: Mapping[str, Any], listable: Listable) -> Conditions:
    columns = frozenset(listable.keys.columns.values())
    try:
        conditions = tuple(
            Condition(column=column, operation=operation, value=value)
            for column, operation, value in token.get("Filter") or ()
        )
        tags = tuple((str(key), str(value)) for key, value in token.get("Tags") or ())
    except (TypeError, ValueError) as exc:
        raise _unusable("its filter cannot be read") from exc
    if any(c.column not in columns or c.operation not in OPERATIONS or not _is_value(c.value) for c in conditions):
        raise _unusable("its filter cannot be read")
    return Conditions(columns=conditions, tags=tags)


def _is_value(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | int) and not isinstance(item, bool) for item in items)


def _canonical(conditions: Conditions) -> tuple[list[str], list[tuple[str, str]]]:
    return sorted(repr(condition) for condition in conditions.columns), sorted(conditions.tags)
