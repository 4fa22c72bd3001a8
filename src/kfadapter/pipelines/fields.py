"""Reading the fields of a specification that nobody has vouched for: every wrong shape is an error with its path."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kfadapter.errors import PackageError
from kfadapter.pipelines.scalars import JSON, shown
from kfadapter.pipelines.spec import get

_MAX_INTEGER = 2**63


class Fields:
    """An object of a specification and where it stands. Fields are asked for by their camelCase names.

    Attributes:
        document: The object itself.
        path: Where it stands, as `components.comp-train.dag`.
    """

    __slots__ = ("document", "path")

    def __init__(self, document: Mapping[str, Any], path: str) -> None:
        self.document = document
        self.path = path

    @classmethod
    def of(cls, value: object, path: str) -> "Fields":
        """The fields of a value that must be an object; None is an empty one.

        Raises:
            PackageError: It is something else.
        """
        if value is None:
            return cls({}, path)
        if not isinstance(value, Mapping):
            raise PackageError("is not an object", path=path)
        return cls(value, path)

    def __bool__(self) -> bool:
        return bool(self.document)

    def __contains__(self, name: str) -> bool:
        return get(self.document, name) is not None

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def raw(self, name: str) -> Any:
        """A field's value as it is; None when missing."""
        return get(self.document, name)

    def object(self, name: str) -> "Fields":
        """A field that is an object; an empty one when missing.

        Raises:
            PackageError: It is something else.
        """
        return Fields.of(get(self.document, name), self.at(name))

    def entries(self, name: str) -> Iterator[tuple[str, "Fields"]]:
        """The entries of a field that is an object of objects.

        Raises:
            PackageError: It, or an entry, is something else.
        """
        inner = self.object(name)
        for key, value in inner.document.items():
            yield key, Fields.of(value, inner.at(key))

    def objects(self, name: str) -> Iterator["Fields"]:
        """The items of a field that is a list of objects.

        Raises:
            PackageError: It, or an item, is something else.
        """
        for number, value in enumerate(self.items(name)):
            yield Fields.of(value, f"{self.at(name)}[{number}]")

    def items(self, name: str) -> list[Any]:
        """The items of a field that is a list; none when missing.

        Raises:
            PackageError: It is something else.
        """
        value = get(self.document, name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise PackageError("is not a list", path=self.at(name))
        return value

    def text(self, name: str) -> str:
        """A field that is a text; empty when missing.

        Raises:
            PackageError: It is something else.
        """
        value = get(self.document, name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise PackageError(f"is {shown(value)}, not a text", path=self.at(name))
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A field that is a list of texts.

        Raises:
            PackageError: It is something else.
        """
        values = self.items(name)
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise PackageError(f"is {shown(value)}, not a text", path=f"{self.at(name)}[{number}]")
        return tuple(values)

    def text_map(self, name: str) -> dict[str, str]:
        """A field that is an object of texts.

        Raises:
            PackageError: It is something else.
        """
        inner = self.object(name)
        return {key: inner.text(key) for key in inner.document}

    def flag(self, name: str) -> bool:
        """A field that is true or false; False when missing.

        Raises:
            PackageError: It is something else.
        """
        value = get(self.document, name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise PackageError(f"is {shown(value)}, not true or false", path=self.at(name))
        return value

    def number(self, name: str) -> int | float | None:
        """A field that is a number, also one written as a text, as protobuf's JSON allows; None when missing.

        Raises:
            PackageError: It is something else.
        """
        value = get(self.document, name)
        if value is None:
            return None
        number = _number(value)
        if number is None:
            raise PackageError(f"is {shown(value)}, not a number", path=self.at(name))
        return number

    def rest(self, known: frozenset[str]) -> dict[str, JSON]:
        """The fields that are not among the known ones, as they are."""
        return {name: value for name, value in self.document.items() if camel_case(name) not in known}


def camel_case(name: str) -> str:
    """A field's name as protobuf's JSON writes it, from either way of writing it."""
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def _number(value: object) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or len(str(value)) > 40:
        return None
    return int(number) if number.is_integer() and abs(number) < _MAX_INTEGER else number
