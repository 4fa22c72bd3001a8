"""KFP's filter language: predicates over declared keys, read strictly, turned into conditions on columns.

The filter arrives as JSON in a query parameter that KFP decodes once more (`+` and `%`), which clients count on.
Text is compared without regard to the case of ASCII letters, `%` and `_` in a substring are wildcards, and a text
compared with a time counts as the number it begins with: all as on KFP's own database.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from kfadapter.engine.protocol.faults import ApiError, Code, Unreadable, invalid
from kfadapter.engine.protocol.messages import FILTER
from kfadapter.engine.protocol.wire import read_text

TAG_PREFIX = "tags."
SCALAR_OPERATIONS = frozenset(
    {"EQUALS", "NOT_EQUALS", "GREATER_THAN", "GREATER_THAN_EQUALS", "LESS_THAN", "LESS_THAN_EQUALS"}
)
OPERATIONS = SCALAR_OPERATIONS | {"IN", "IS_SUBSTRING"}
GO_TYPES = {
    "int_value": "int32",
    "long_value": "int64",
    "string_value": "string",
    "timestamp_value": "int64",
    "int_values": "[]int32",
    "long_values": "[]int64",
    "string_values": "[]string",
}
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LEADING_NUMBER = re.compile(r"\s*[+-]?\d+")

Value = str | int | list[str] | list[int]


@dataclass(frozen=True, kw_only=True)
class Predicate:
    """One predicate, with the Go type of its value, which KFP's errors name."""

    operation: str
    key: str
    go_type: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A predicate on a column; the value fits the column's type."""

    column: str
    operation: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Everything a list is narrowed by."""

    columns: tuple[Condition, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What may be filtered and sorted by.

    Attributes:
        columns: API key → column.
        seconds: Columns that hold times, as whole seconds since 1970.
        has_tags: Whether `tags.<name>` is a key too.
        order: Columns that stand for others when a list is ordered.
    """

    columns: Mapping[str, str]
    seconds: frozenset[str] = field(default_factory=frozenset)
    has_tags: bool = False
    order: Mapping[str, str] = field(default_factory=dict)


def decode(encoded: str) -> str:
    """The second percent-decoding.

    Raises:
        Unreadable: An escape is broken.
    """
    broken = _BROKEN_ESCAPE.search(encoded)
    if broken:
        shown = json.dumps(encoded[broken.start() : broken.start() + 3], ensure_ascii=False)
        raise Unreadable(f"invalid URL escape {shown}")
    return unquote_plus(encoded, errors="replace")


def read_predicates(decoded: str) -> list[dict[str, Any]]:
    """The predicates of a filter text, as messages.

    Raises:
        Unreadable: It is no filter.
    """
    return list(read_text(decoded, FILTER).get("predicates", []))


def split_tags(messages: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], tuple[tuple[str, str], ...]]:
    """Tag predicates apart from the others.

    Raises:
        ApiError: A tag predicate is not an equality with a text.
    """
    rest, tags = [], []
    for message in messages:
        key = message.get("key", "")
        if not key.startswith(TAG_PREFIX):
            rest.append(message)
            continue
        operation = message.get("operation", "OPERATION_UNSPECIFIED")
        if operation != "EQUALS":
            raise invalid(f'only EQUALS operation is supported for tag filtering, got {operation} for key "{key}"')
        if "string_value" not in message:
            raise invalid(f'tag filter value must be a string for key "{key}"')
        tags.append((key.removeprefix(TAG_PREFIX), message["string_value"]))
    return rest, tuple(tags)


def to_predicates(messages: Iterable[dict[str, Any]]) -> list[Predicate]:
    """Messages as predicates, each checked on its own, then all for operation and type.

    Raises:
        ApiError: One has no operation, key or value, or the value does not go with the operation.
    """
    predicates = [_predicate(message) for message in messages]
    for predicate in predicates:
        _check(predicate)
    return predicates


def to_conditions(predicates: Iterable[Predicate], keys: Keys) -> tuple[Condition, ...]:
    """Predicates as conditions on columns.

    Raises:
        ApiError: A key is not declared.
    """
    conditions = []
    for predicate in predicates:
        column = keys.columns.get(predicate.key)
        if column is None:
            raise invalid(f'no support for filtering on unrecognized field "{predicate.key}"')
        value = _fitted(predicate.value, is_number=column in keys.seconds)
        conditions.append(Condition(column=column, operation=predicate.operation, value=value))
    return tuple(conditions)


def _predicate(message: dict[str, Any]) -> Predicate:
    operation = message.get("operation", "OPERATION_UNSPECIFIED")
    if operation == "OPERATION_UNSPECIFIED":
        raise _unknown("Filter.Predicate.Operation with go_client.Predicate_Operation")
    member = next((name for name in GO_TYPES if name in message), None)
    if member is None:
        raise _unknown("Filter.Predicate.Value with <nil>")
    value = message[member].get("values", []) if member.endswith("s") else message[member]
    if not message.get("key"):
        raise invalid(f"Predicate key cannot be empty for operation {operation} and value {_shown(value)}")
    return Predicate(operation=operation, key=message["key"], go_type=GO_TYPES[member], value=value)


def _check(predicate: Predicate) -> None:
    is_array = isinstance(predicate.value, list)
    if predicate.operation == "IN" and not is_array:
        raise invalid(f"cannot use IN operator with scalar type {predicate.go_type}")
    if predicate.operation in SCALAR_OPERATIONS and is_array:
        raise invalid(f"cannot use scalar operator {predicate.operation} on array type {predicate.go_type}")
    if predicate.operation == "IS_SUBSTRING" and predicate.go_type != "string":
        # KFP fills type and value the wrong way round into this sentence.
        raise invalid(f"cannot use non string value type string with operator {_shown(predicate.value)}")


def _unknown(what: str) -> ApiError:
    reason = f"Error using {what}"
    return ApiError(Code.INVALID_ARGUMENT, f"UnknownApiVersionError: {reason}", reason)


def _shown(value: Value) -> str:
    return "[" + " ".join(str(item) for item in value) + "]" if isinstance(value, list) else str(value)


def _fitted(value: Value, *, is_number: bool) -> Value:
    if isinstance(value, list):
        if is_number:
            return [_as_number(item) for item in value]
        return [str(item) for item in value]
    return _as_number(value) if is_number else str(value)


def _as_number(value: str | int) -> int:
    if isinstance(value, int):
        return value
    match = _LEADING_NUMBER.match(value)
    return max(min(int(match[0][:20]), (1 << 63) - 1), -(1 << 63)) if match else 0
