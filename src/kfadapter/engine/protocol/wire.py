"""Requests read as strictly as protojson reads them, from descriptions that are data.

A message is described once (messages.py); one reader checks types, unknown and repeated fields, one-ofs, enums,
timestamps and null, takes both spellings of a name, and words its errors as KFP's gateway does.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any

from kfadapter.engine.protocol.faults import Unreadable
from kfadapter.engine.protocol.jsontext import Members, SyntaxFault, Text, find, place, raw, read_first

Path = tuple[str | int, ...]
INT32_BITS = 31
INT64_BITS = 63
EXACT_INTEGER = 2**53
MAX_DEPTH = 200
_INTEGER = re.compile(r"-?\d{1,19}")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+("?)|( )$', re.DOTALL)
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


class Scalar(Enum):
    """Kinds of single values; the value is the name protojson gives the kind in its errors."""

    STRING = "string"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    TIMESTAMP = "google.protobuf.Timestamp"
    VALUE = "google.protobuf.Value"
    STRUCT = "google.protobuf.Struct"


@dataclass(frozen=True)
class Enumeration:
    """An enum: its names in the order of their numbers."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """A list of a kind."""

    element: "Kind"


@dataclass(frozen=True)
class MapOf:
    """A map from texts to a kind."""

    value: "Kind"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A protobuf message: its fields by proto name, and its one-ofs by name."""

    full_name: str
    fields: Mapping[str, "Kind"]
    one_ofs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def spellings(self) -> Mapping[str, str]:
        """Every name a field may be written with → its proto name."""
        return {spelling: name for name in self.fields for spelling in (name, camel(name))}

    @cached_property
    def one_of_field(self) -> Mapping[str, str]:
        """Field → the one-of it belongs to."""
        return {name: group for group, names in self.one_ofs.items() for name in names}


Kind = Scalar | Enumeration | Repeated | MapOf | Message


def camel(name: str) -> str:
    """A field's JSON name."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def read_body(body: bytes, message: Message) -> dict[str, Any]:
    """A request's body; nothing at all is an empty message.

    Raises:
        Unreadable: It is not JSON, or not this message.
    """
    source = _text(body)
    if not source.strip(" \t\r\n"):
        return {}
    try:
        text = read_first(source)
    except SyntaxFault as exc:
        raise Unreadable(exc.as_go()) from exc
    return Reader(text).message(text.value, message, ())


def _text(body: bytes) -> str:
    """A body's text. What is no UTF-8 can only stand in a string; elsewhere it is no JSON anyway."""
    try:
        return body.decode()
    except UnicodeDecodeError as exc:
        before = body[: exc.start].decode()
    *_, last = _STRING.finditer(before + " ")
    if last[2]:
        return body.decode(errors="replace")
    raise Unreadable(f"proto: syntax error {place(before, last.start())}: invalid UTF-8 in string")


def read_text(source: str, message: Message) -> dict[str, Any]:
    """A text that is handed to protojson alone (filters).

    Raises:
        Unreadable: It is not JSON, or not this message.
    """
    try:
        text = read_first(source)
    except SyntaxFault as exc:
        raise Unreadable(exc.as_protojson()) from exc
    return Reader(text).message(text.value, message, ())


def number(value: int | float) -> int | float:
    """A number as protobuf's Value keeps it (a double), written as Go writes it."""
    exact = float(value) if isinstance(value, int) and abs(value) > EXACT_INTEGER else value
    if isinstance(exact, float) and exact.is_integer() and abs(exact) < 1e21:
        return int(exact)
    return exact


class Reader:
    """Reads one text. The methods return plain values; a field that was not given has no key."""

    def __init__(self, text: Text) -> None:
        self._source = text.source

    def message(self, value: Any, message: Message, path: Path) -> dict[str, Any]:
        """An object as a message, by proto names."""
        self._object(value, path)
        taken: dict[str, Any] = {}
        seen: set[str] = set()
        groups: set[str] = set()
        for spelling, member in value.items():
            name = self._known(spelling, message, path)
            if name in seen:
                raise self._fault((*path, spelling), f'duplicate field "{spelling}"', key=True)
            seen.add(name)
            if member is None and message.fields[name] is not Scalar.VALUE:
                continue
            self._one_of(name, spelling, message, groups, path)
            taken[name] = self.kind(member, message.fields[name], name, (*path, spelling))
        return taken

    def kind(self, value: Any, kind: Kind, name: str, path: Path) -> Any:
        """A value of any kind."""
        self._check_depth(path)
        if isinstance(kind, Message):
            return self.message(value, kind, path)
        if isinstance(kind, Repeated):
            return self._list(value, kind, name, path)
        if isinstance(kind, MapOf):
            return self._map(value, kind, name, path)
        if isinstance(kind, Enumeration):
            return self._enumeration(value, kind, name, path)
        return getattr(self, f"_{kind.name.lower()}")(value, name, path)

    def _list(self, value: Any, kind: Repeated, name: str, path: Path) -> list[Any]:
        if not isinstance(value, list):
            raise self._unexpected(path)
        return [self.kind(item, kind.element, name, (*path, index)) for index, item in enumerate(value)]

    def _map(self, value: Any, kind: MapOf, name: str, path: Path) -> dict[str, Any]:
        self._object(value, path)
        return {key: self.kind(member, kind.value, "value", (*path, key)) for key, member in value.items()}

    def _string(self, value: Any, name: str, path: Path) -> str:
        if not isinstance(value, str):
            raise self._invalid(path, "string field", name)
        return value

    def _bool(self, value: Any, name: str, path: Path) -> bool:
        if not isinstance(value, bool):
            raise self._invalid(path, "bool field", name)
        return value

    def _int32(self, value: Any, name: str, path: Path) -> int:
        return self._integer(value, INT32_BITS, "int32 field", name, path)

    def _int64(self, value: Any, name: str, path: Path) -> int:
        return self._integer(value, INT64_BITS, "int64 field", name, path)

    def _integer(self, value: Any, bits: int, kind: str, name: str, path: Path) -> int:
        if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << bits) <= value < 1 << bits:
            raise self._invalid(path, kind, name)
        return value

    def _enumeration(self, value: Any, kind: Enumeration, name: str, path: Path) -> str:
        if isinstance(value, str) and value in kind.names:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return kind.names[value] if 0 <= value < len(kind.names) else kind.names[0]
        raise self._invalid(path, "enum field", name)

    def _timestamp(self, value: Any, name: str, path: Path) -> int:
        if not isinstance(value, str):
            raise self._unexpected(path)
        seconds = epoch(value)
        if seconds is None:
            raise self._fault(path, f"invalid google.protobuf.Timestamp value {raw(self._source, self._at(path))}")
        return seconds

    def _value(self, value: Any, name: str, path: Path) -> Any:
        self._check_depth(path)
        if isinstance(value, dict):
            return self._struct(value, name, path)
        if isinstance(value, list):
            return [self._value(item, name, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value, name, path)
        return value

    def _number(self, value: int | float, name: str, path: Path) -> int | float:
        try:
            if math.isfinite(value):
                return number(value)
        except OverflowError:
            pass
        raise self._invalid(path, "double field", name)

    def _struct(self, value: Any, name: str, path: Path) -> dict[str, Any]:
        self._object(value, path)
        return {key: self._value(member, name, (*path, key)) for key, member in value.items()}

    def _object(self, value: Any, path: Path) -> None:
        if not isinstance(value, dict):
            raise self._unexpected(path)
        if isinstance(value, Members):
            name = value.repeated
            raise self._fault((*path, name), f'duplicate field "{name}"', key=True, occurrence=1)

    def _check_depth(self, path: Path) -> None:
        if len(path) > MAX_DEPTH:
            raise Unreadable("proto: exceeded max recursion depth")

    def _known(self, spelling: str, message: Message, path: Path) -> str:
        name = message.spellings.get(spelling)
        if name is None:
            raise self._fault((*path, spelling), f'unknown field "{spelling}"', key=True)
        return name

    def _one_of(self, name: str, spelling: str, message: Message, groups: set[str], path: Path) -> None:
        group = message.one_of_field.get(name)
        if group in groups:
            reason = f'error parsing "{spelling}", oneof {message.full_name}.{group} is already set'
            raise self._fault((*path, spelling), reason, key=True)
        if group is not None:
            groups.add(group)

    def _invalid(self, path: Path, kind: str, name: str) -> Unreadable:
        token = raw(self._source, self._at(path))
        shown = name if kind == "enum field" else camel(name)
        return self._fault(path, f"invalid value for {kind} {shown}: {token}")

    def _unexpected(self, path: Path) -> Unreadable:
        offset = self._at(path)
        return Unreadable(
            f"proto: syntax error {place(self._source, offset)}: unexpected token {raw(self._source, offset)}"
        )

    def _fault(self, path: Path, reason: str, *, key: bool = False, occurrence: int = 0) -> Unreadable:
        offset = find(self._source, path, key=key, occurrence=occurrence)
        return Unreadable(f"proto: {place(self._source, offset)}: {reason}")

    def _at(self, path: Path) -> int:
        return find(self._source, path)


def epoch(text: str) -> int | None:
    """An RFC 3339 time as whole seconds since 1970, rounded down; None when it is not one."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[4].replace('Z', '+00:00')}")
    except ValueError:
        return None
    return int(moment.astimezone(UTC).timestamp())
