"""KFP's predicate language for lists, built from Python values."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from kfadapter.errors import FilterRefused


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Predicates that all have to hold.

    Attributes:
        predicates: In KFP's JSON form.
    """

    predicates: tuple[dict[str, object], ...] = ()

    @classmethod
    def equals(cls, key: str, value: str) -> Self:
        """The field is this text. KFP on MySQL ignores the letter case."""
        return cls(predicates=({"operation": "EQUALS", "key": key, "string_value": value},))

    @classmethod
    def is_in(cls, key: str, values: Iterable[str]) -> Self:
        """The field is one of these texts."""
        return cls(predicates=({"operation": "IN", "key": key, "string_values": {"values": list(values)}},))

    @classmethod
    def contains(cls, key: str, text: str) -> Self:
        """The text is part of the field."""
        return cls(predicates=({"operation": "IS_SUBSTRING", "key": key, "string_value": text},))

    @classmethod
    def at_least(cls, key: str, moment: datetime) -> Self:
        """The time in the field is this moment or later; KFP keeps and compares whole seconds."""
        return cls(predicates=({"operation": "GREATER_THAN_EQUALS", "key": key, "timestamp_value": _second(moment)},))

    @classmethod
    def at_most(cls, key: str, moment: datetime) -> Self:
        """The time in the field is in this second or before it."""
        return cls(predicates=({"operation": "LESS_THAN_EQUALS", "key": key, "timestamp_value": _second(moment)},))

    @classmethod
    def parse(cls, text: str) -> Self:
        """A caller's own filter: `{"predicates": [{"key": …, "operation": …, "string_value": …}]}`.

        Only its shape is looked at; which keys and operations there are is for Kubeflow to say.

        Raises:
            FilterRefused: It is not JSON of that shape.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise FilterRefused("query/filter", f"it is not JSON: {exc}") from exc
        predicates = document.get("predicates", []) if isinstance(document, dict) else None
        if not isinstance(predicates, list) or not all(isinstance(one, dict) for one in predicates):
            raise FilterRefused(
                "query/filter", 'it must be an object such as {"predicates": [{"key": …, "operation": "EQUALS", …}]}'
            )
        return cls(predicates=tuple(predicates))

    def __and__(self, other: Self) -> Self:
        return type(self)(predicates=self.predicates + other.predicates)

    def to_query(self) -> str:
        """The text for the query parameter `filter`, not yet percent-encoded.

        KFP percent-decodes the parameter once more than HTTP does, which turns `+` into a blank and chokes on `%`.
        Both are written as JSON escapes, so that a server that decodes once and one that decodes twice read the same.
        """
        text = json.dumps({"predicates": self.predicates}, separators=(",", ":"))
        return text.replace("%", "\\u0025").replace("+", "\\u002b")


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
