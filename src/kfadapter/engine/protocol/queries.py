"""Query parameters as KFP's gateway reads them: declared fields only, each once, typed; unknown names are ignored."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kfadapter.engine.protocol.escapes import BROKEN_ESCAPE, bad_escape
from kfadapter.engine.protocol.faults import Unreadable
from kfadapter.engine.protocol.wire import Enumeration, Scalar, camel

QueryKind = Scalar | Enumeration
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[0-9]{1,9}")
_KEY_OF_A_MAP = re.compile(r"(.*)\[.*\]", re.DOTALL)
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INT32 = range(-(1 << 31), 1 << 31)

LISTING: Mapping[str, QueryKind] = {
    "namespace": Scalar.STRING,
    "page_token": Scalar.STRING,
    "page_size": Scalar.INT32,
    "sort_by": Scalar.STRING,
    "filter": Scalar.STRING,
    "experiment_id": Scalar.STRING,
}


def query_fault(query: str) -> str:
    """What Go's reader of queries finds wrong with one before it looks at any name; empty when nothing is."""
    for piece in query.split("&"):
        if ";" in piece:
            return "invalid semicolon separator in query"
        broken = BROKEN_ESCAPE.search(piece)
        if broken:
            return bad_escape(piece, broken.start())
    return ""


def read_query(pairs: Iterable[tuple[str, str]], fields: Mapping[str, QueryKind]) -> dict[str, Any]:
    """The declared parameters that were given, by proto name.

    Raises:
        Unreadable: One is given twice, or as if it were a message or a map, or its value does not fit.
    """
    spellings = {spelling: name for name in fields for spelling in (name, camel(name))}
    given: dict[str, list[str]] = {}
    for key, value in pairs:
        if _plain(key, spellings) in spellings:
            given.setdefault(key, []).append(value)
    read: dict[str, Any] = {}
    for spelling, values in given.items():
        name = spellings[spelling]
        if name in read:
            raise Unreadable(f'duplicate field "{name}"')
        read[name] = _single(name, values, fields[name])
    return read


def _plain(key: str, spellings: Mapping[str, str]) -> str:
    """A key that asks for no more than a field; what reaches into a declared field is refused as the gateway does."""
    map_key = _KEY_OF_A_MAP.fullmatch(key)
    name, dot, _ = (map_key.group(1) if map_key else key).partition(".")
    if name in spellings and dot:
        raise Unreadable(f'invalid path: "{spellings[name]}" is not a message')
    if name in spellings and map_key:
        raise Unreadable(f'field "{spellings[name]}" is not a map')
    return key


def _single(name: str, values: list[str], kind: QueryKind) -> Any:
    if len(values) > 1:
        raise Unreadable(f'too many values for field "{name}": {", ".join(values)}')
    if isinstance(kind, Enumeration):
        return _enumeration(name, values[0], kind)
    if kind is Scalar.INT32:
        return _int32(name, values[0])
    if kind is Scalar.BOOL:
        return _bool(name, values[0])
    return values[0]


def _int32(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise Unreadable(f'parsing field "{name}": strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(text) > 100 or int(text) not in _INT32:
        raise Unreadable(f'parsing field "{name}": strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _bool(name: str, text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise Unreadable(f'parsing field "{name}": strconv.ParseBool: parsing "{text}": invalid syntax')
    return text in _TRUE


def _enumeration(name: str, text: str, kind: Enumeration) -> str:
    if text in kind.names:
        return text
    if _NUMBER.fullmatch(text) and int(text) < len(kind.names):
        return kind.names[int(text)]
    raise Unreadable(f'parsing field "{name}": "{text}" is not a valid value')
