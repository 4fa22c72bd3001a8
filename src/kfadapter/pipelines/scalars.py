"""What the words of a YAML document mean, as JSON values.

They are resolved as Kubeflow's server does (Go's yaml.v3): `yes`, `on`, `1:30` and dates are texts, `010` is octal.
Where PyYAML, which writes what the kfp compiler makes, and Go differ on a plain number (`1e3`, `08`, `0o17`: PyYAML
leaves such *texts* unquoted) the text is kept, so that whatever the compiler wrote comes back as it was.
"""

import math
import re
from typing import Any, TypeAlias

from kfadapter.errors import PackageError

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None

TAG_PREFIX = "tag:yaml.org,2002:"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_OTHER_RADIX = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+)")
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_NUMBER_STARTS = frozenset("+-.0123456789")


def resolve(event: Any) -> JSON:
    """The value of a scalar event.

    Raises:
        PackageError: Its tag is not one of JSON's types, or it is not of its tag's type, or it is NaN or infinite.
    """
    text: str = event.value
    if event.tag is None:
        return text if event.style else _resolve_plain(text, event)
    if event.tag in ("!", TAG_PREFIX + "str"):
        return text
    wanted = _TAGGED.get(event.tag)
    if wanted is None:
        raise refused_tag(event)
    value = _resolve_plain(text, event)
    if type(value) not in wanted:
        raise PackageError(f"{shown(text)} is not a {event.tag.removeprefix(TAG_PREFIX)}{at(event.start_mark)}")
    return float(value) if event.tag == TAG_PREFIX + "float" and isinstance(value, int) else value


_TAGGED: dict[str, tuple[type, ...]] = {
    TAG_PREFIX + "null": (type(None),),
    TAG_PREFIX + "bool": (bool,),
    TAG_PREFIX + "int": (int,),
    TAG_PREFIX + "float": (int, float),
}


def _resolve_plain(text: str, event: Any) -> JSON:
    if text in _NULLS:
        return None
    if text[0] in _NUMBER_STARTS:
        return _resolve_number(text, event)
    return _BOOLEANS.get(text, text)


def _resolve_number(text: str, event: Any) -> JSON:
    if _DECIMAL.fullmatch(text):
        return _sized(text.replace("_", ""), 10, text)
    if _OTHER_RADIX.fullmatch(text):
        return _radix(text)
    if _FLOAT.fullmatch(text):
        return _finite(float(text.replace("_", "")), text)
    if _NOT_FINITE.fullmatch(text):
        raise PackageError(f"{text} is a number that JSON cannot hold{at(event.start_mark)}")
    return text


def _radix(text: str) -> JSON:
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    if unsigned in ("0x", "0b"):
        return text
    return _sized(digits, {"0x": 16, "0b": 2}.get(unsigned[:2], 8), text)


def _sized(digits: str, base: int, text: str) -> JSON:
    """Go's numbers: 64 bits, beyond that a float, beyond that a text."""
    if len(digits) > 400:
        return text
    number = int(digits, base)
    if -(2**63) <= number < 2**64:
        return number
    try:
        return float(number)
    except OverflowError:
        return text


def _finite(number: float, text: str) -> JSON:
    return number if math.isfinite(number) else text


def refused_tag(event: Any) -> PackageError:
    """The error for an event whose tag stands for something JSON does not know."""
    tag = str(event.tag).replace(TAG_PREFIX, "!!")
    return PackageError(f"the tag {shown(tag)} is not accepted{at(event.start_mark)}")


def at(mark: Any) -> str:
    """A place in a file, for the end of a sentence."""
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"


def shown(value: object) -> str:
    """A value for a message, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
