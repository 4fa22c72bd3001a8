"""Conditions: the part of CEL that the KFP compiler writes, evaluated by descent. Nothing is ever handed to `eval`.

Grammar, loosest binding first: `||`, `&&`, comparison (`== != < <= > >=`), `!`, then literals,
`inputs.parameter_values['x']`, parentheses and the conversions `int() double() string() bool()`.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfadapter.engine.running.values import as_text
from kfadapter.errors import EngineError

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\|\||&&|==|!=|<=|>=|[<>!()\[\].\-]))",
    re.DOTALL,
)
ESCAPE = re.compile(
    r"\\(?:[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-3][0-7]{2})|(?P<c>.))",
    re.DOTALL,
)
ESCAPED = {**dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True)), **{one: one for one in "\\?\"'`"}}
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}
DEEPEST = 100

Value = Any
Node = Callable[[Mapping[str, Value]], Value]


class ConditionError(EngineError):
    """A condition that cannot be read, or that its values do not fit."""


def parse(expression: str) -> Callable[[Mapping[str, Value]], bool]:
    """Read a condition once; the result decides for given parameter values.

    Raises:
        ConditionError: It is not an expression of the grammar above. Calling the result raises it too: a value is
            missing, two values cannot be compared, or the outcome is not a truth value.
    """
    node = _Parser(expression).whole()

    def decide(parameters: Mapping[str, Value]) -> bool:
        try:
            outcome = node(parameters)
        except ConditionError as exc:
            raise ConditionError(f"condition {expression!r}: {exc}") from exc
        if not isinstance(outcome, bool):
            raise ConditionError(f"condition {expression!r}: {outcome!r} is neither true nor false")
        return outcome

    return decide


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, position, text = [], 0, expression.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"condition {expression!r}: cannot read {text[position : position + 20]!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens: Sequence[tuple[str, str]] = _tokens(expression)
        self._position = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._either()
        if self._position < len(self._tokens):
            raise self._unexpected()
        return node

    def _either(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"condition {self._expression[:80]!r}…: nested too deeply")
        node = self._both()
        while self._take("||"):
            node = _either(node, self._both())
        self._depth -= 1
        return node

    def _both(self) -> Node:
        node = self._comparison()
        while self._take("&&"):
            node = _both(node, self._comparison())
        return node

    def _comparison(self) -> Node:
        left = self._negation()
        for operator in COMPARISONS:
            if self._take(operator):
                return _comparison(operator, left, self._negation())
        return left

    def _negation(self) -> Node:
        negations = 0
        while self._take("!"):
            negations += 1
        node = self._primary()
        return node if not negations else _negation(node, negations % 2 == 1)

    def _primary(self) -> Node:
        if self._take("("):
            node = self._either()
            self._expect(")")
            return node
        if self._take("-"):
            number = _number("-" + self._next("number"))
            return lambda _: number
        kind, text = self._peek()
        self._position += 1
        if kind == "number":
            literal: Value = _number(text)
            return lambda _: literal
        if kind == "string":
            unquoted = ESCAPE.sub(self._escaped, text[1:-1])
            return lambda _: unquoted
        if kind == "name":
            return self._named(text)
        self._position -= 1
        raise self._unexpected()

    def _escaped(self, match: re.Match[str]) -> str:
        if character := match["c"]:
            if character in ESCAPED:
                return ESCAPED[character]
            raise ConditionError(f"condition {self._expression!r}: {match[0]!r} is not a character")
        code = int(match["o"], 8) if match["o"] else int(match["x"] or match["u"] or match["U"], 16)
        if code > sys.maxunicode:
            raise ConditionError(f"condition {self._expression!r}: {match[0]!r} is not a character")
        return chr(code)

    def _named(self, name: str) -> Node:
        if name in ("true", "false"):
            return lambda _: name == "true"
        if name == "null":
            return lambda _: None
        if name == "inputs":
            return self._parameter()
        if name in CONVERSIONS:
            self._expect("(")
            node = self._either()
            self._expect(")")
            return lambda parameters: CONVERSIONS[name](node(parameters))
        self._position -= 1
        raise self._unexpected()

    def _parameter(self) -> Node:
        self._expect(".")
        self._expect("parameter_values")
        self._expect("[")
        name = self._next("string")[1:-1]
        self._expect("]")
        return lambda parameters: _lookup(parameters, name)

    def _peek(self) -> tuple[str, str]:
        if self._position >= len(self._tokens):
            raise ConditionError(f"condition {self._expression!r}: ends too early")
        return self._tokens[self._position]

    def _take(self, text: str) -> bool:
        if self._position < len(self._tokens) and self._tokens[self._position][1] == text:
            self._position += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected()

    def _next(self, kind: str) -> str:
        found, text = self._peek()
        if found != kind:
            raise self._unexpected()
        self._position += 1
        return text

    def _unexpected(self) -> ConditionError:
        _, text = self._peek()
        return ConditionError(f"condition {self._expression!r}: {text!r} is not expected there")


def _number(text: str) -> Value:
    return float(text) if any(mark in text for mark in ".eE") else int(text)


def _lookup(parameters: Mapping[str, Value], name: str) -> Value:
    if name not in parameters:
        raise ConditionError(f"there is no value for {name!r}")
    return parameters[name]


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(f"{value!r} is neither true nor false")
    return value


def _either(left: Node, right: Node) -> Node:
    return lambda parameters: _truth(left(parameters)) or _truth(right(parameters))


def _both(left: Node, right: Node) -> Node:
    return lambda parameters: _truth(left(parameters)) and _truth(right(parameters))


def _negation(node: Node, odd: bool) -> Node:
    return lambda parameters: _truth(node(parameters)) is not odd


def _comparison(operator: str, left: Node, right: Node) -> Node:
    def compare(parameters: Mapping[str, Value]) -> bool:
        one, other = left(parameters), right(parameters)
        if not _comparable(one, other, ordered=operator not in ("==", "!=")):
            raise ConditionError(f"{one!r} {operator} {other!r} compares different types")
        return COMPARISONS[operator](one, other)

    return compare


def _comparable(one: Value, other: Value, *, ordered: bool) -> bool:
    kinds = {_kind(one), _kind(other)}
    if None in (one, other):
        return not ordered
    return len(kinds) == 1 and not (ordered and kinds & {"list", "dict"})


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _to_int(value: Value) -> int:
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise ConditionError(f"int({value!r}) has no value") from exc


def _to_double(value: Value) -> float:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError) as exc:
        raise ConditionError(f"double({value!r}) has no value") from exc


def _to_bool(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ConditionError(f"bool({value!r}) has no value")


CONVERSIONS: Mapping[str, Callable[[Value], Value]] = {
    "int": _to_int,
    "double": _to_double,
    "string": as_text,
    "bool": _to_bool,
}
