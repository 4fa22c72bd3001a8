"""Reading a value, often a text, as the JSON type a pipeline's input asks for."""

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import MAX_EXACT_INTEGER, ParameterType

MAX_SHOWN = 80
MAX_DEPTH = 60
MAX_JSON_TEXT = 4 * 1024 * 1024
MAX_LITERAL_TEXT = 256 * 1024

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
# As the kfp SDK reads truth values from texts.
_TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "off", "0"))
# What `repr` of lists, tuples and dicts of plain values is made of. Each token is taken whole (possessively), so that
# no text makes the search slow; what passes is shallow enough for Python's parser after a look at its brackets.
_LITERAL = re.compile(
    r"""(?:\s++|[\[\](){},:]|'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+"|True|False|None"""
    r"""|[-+]?(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][-+]?[0-9]++)?+)*+"""
)
_LITERAL_TEXTS = re.compile(r"""'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+\"""")

WANTED: Mapping[ParameterType, str] = {
    ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED: "a value",
    ParameterType.NUMBER_DOUBLE: "a number (NUMBER_DOUBLE)",
    ParameterType.NUMBER_INTEGER: "a whole number (NUMBER_INTEGER)",
    ParameterType.STRING: "a text (STRING)",
    ParameterType.BOOLEAN: "true or false (BOOLEAN)",
    ParameterType.LIST: "a list (LIST)",
    ParameterType.STRUCT: "an object (STRUCT)",
    ParameterType.TASK_FINAL_STATUS: "a task's final status (TASK_FINAL_STATUS)",
    ParameterType.TASK_CONFIG: "a task's settings (TASK_CONFIG)",
}
"""What each type wants, in words."""


class Unfit(Exception):
    """A value cannot be read as the wanted type; the text says why, where that is not plain."""


def coerce(value: object, kind: ParameterType) -> JSON:
    """A value in the JSON type of a parameter. Types without a rule take any JSON value as it is.

    Raises:
        Unfit: It cannot be read so.
    """
    return _COERCIONS.get(kind, as_json)(value)


def as_json(value: object) -> JSON:
    """A value that JSON, UTF-8 and Kubeflow can carry; tuples become lists.

    Raises:
        Unfit: It holds something else.
    """
    return _checked(value, MAX_DEPTH)


def shown(value: object) -> str:
    """A value for a message, cut to some 80 characters, in quotes when it is a text."""
    if isinstance(value, str):
        text = repr(value[: MAX_SHOWN + 1])
    else:
        try:
            text = repr(value)
        except (ValueError, RecursionError):  # an integer of thousands of digits; endless nesting
            text = f"a {type(value).__name__}"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _whole(value: object) -> JSON:
    if isinstance(value, str):
        value = _whole_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit
    if isinstance(value, float):
        if not value.is_integer():
            raise Unfit("it has a fraction" if math.isfinite(value) else "it is not finite")
        value = int(value)
    if abs(value) > MAX_EXACT_INTEGER:
        raise Unfit("Kubeflow keeps whole numbers exactly only up to 2^53")
    return value


def _whole_text(text: str) -> int | float:
    if len(text) > 400:
        raise Unfit("it is too long")
    return int(text) if _WHOLE.fullmatch(text) else _number_text(text)


def _number_text(text: str) -> float:
    if len(text) > 400:
        raise Unfit("it is too long")
    if not _NUMBER.fullmatch(text):
        raise Unfit
    return float(text)


def _double(value: object) -> JSON:
    if isinstance(value, str):
        value = _number_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit
    try:
        number = float(value)
    except OverflowError as exc:
        raise Unfit("it is too large") from exc
    if not math.isfinite(number):
        raise Unfit("it is not finite, or too large")
    return number


def _truth(value: object) -> JSON:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, int | str):
        if str(word) in _TRUE and word != "":
            return True
        if str(word) in _FALSE:
            return False
    raise Unfit


def _text(value: object) -> JSON:
    """Texts as they are; other JSON values as JSON text, as KFP writes them where a text is wanted."""
    carried = as_json(value)
    return carried if isinstance(carried, str) else json.dumps(carried, ensure_ascii=False)


def _list(value: object) -> JSON:
    read = _structure(value) if isinstance(value, str) else value
    if not isinstance(read, list | tuple):
        raise Unfit
    return as_json(read)


def _struct(value: object) -> JSON:
    read = _structure(value) if isinstance(value, str) else value
    if not isinstance(read, dict):
        raise Unfit
    return as_json(read)


_COERCIONS: Mapping[ParameterType, Callable[[object], JSON]] = {
    ParameterType.NUMBER_INTEGER: _whole,
    ParameterType.NUMBER_DOUBLE: _double,
    ParameterType.BOOLEAN: _truth,
    ParameterType.STRING: _text,
    ParameterType.LIST: _list,
    ParameterType.STRUCT: _struct,
}


def _structure(text: str) -> object:
    """The list or object that a text holds: JSON, else a Python literal."""
    if len(text) > MAX_JSON_TEXT:
        raise Unfit(f"it is longer than {MAX_JSON_TEXT:,} characters")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _literal(text.strip())


def _literal(text: str) -> object:
    """A Python literal of plain values; nothing is evaluated, and the parser sees only what it can digest."""
    if len(text) > MAX_LITERAL_TEXT:
        raise Unfit(f"it is neither JSON nor shorter than {MAX_LITERAL_TEXT:,} characters")
    if text[:1] not in ("[", "(", "{") or not _LITERAL.fullmatch(text):
        raise Unfit("it is neither JSON nor a Python literal of plain values")
    if _depth(_LITERAL_TEXTS.sub("", text)) > MAX_DEPTH:
        raise Unfit(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, OverflowError) as exc:
        raise Unfit("it is neither JSON nor a Python literal") from exc


def _depth(text: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"[\[({\])}]", text):
        depth += 1 if mark in "[({" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise Unfit(f"{name} is a number that JSON cannot hold")


def _checked(value: object, levels: int) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise Unfit("it holds a half of a surrogate pair, which UTF-8 cannot write")
        return value
    if isinstance(value, int | float):
        return _carried_number(value)
    if levels == 0:
        raise Unfit(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list | tuple):
        return [_checked(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {_key(key): _checked(item, levels - 1) for key, item in value.items()}
    raise Unfit(f"it holds a {type(value).__name__}, which JSON does not know")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise Unfit(f"its key {shown(key)} is not a text")
    checked = _checked(key, 0)
    return checked if isinstance(checked, str) else key


def _carried_number(value: int | float) -> int | float:
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("it holds a number that JSON cannot hold")
    if isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        raise Unfit("it holds a whole number beyond 2^53, which Kubeflow does not keep exactly")
    return value
