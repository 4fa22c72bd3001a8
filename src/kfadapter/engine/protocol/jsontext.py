"""JSON as Go reads it: the first value of a text, and words for what is wrong with it and where.

KFP's gateway decodes a body with Go's encoding/json (which stops after the first value) and then with protojson;
both name characters and positions in their errors. Reading is left to the C scanner; positions are looked for
only when something is wrong.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import hexdigits
from typing import Any

MAX_DEPTH_ERROR = "exceeded max depth"
_BLANK = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r'[^\s,:{}\[\]"]+')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNIT = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\[^u])|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LITERALS = ("null", "true", "false")


class SyntaxFault(Exception):
    """The text is not JSON.

    Attributes:
        position: Offset of the character that does not fit; the text's length when it ends too early.
        expected: What Go calls the place: "looking for beginning of value", …
    """

    def __init__(self, text: str, position: int, expected: str, *, start: int | None = None) -> None:
        super().__init__(expected)
        self.text = text
        self.position = position
        self.expected = expected
        self._start = position if start is None else start

    def as_go(self) -> str:
        """The words of encoding/json."""
        if self.expected == MAX_DEPTH_ERROR:
            return MAX_DEPTH_ERROR
        if self.position >= len(self.text):
            return "unexpected EOF"
        return f"invalid character {_quoted(self.text[self.position])} {self.expected}"

    def as_protojson(self) -> str:
        """The words of protojson, which names the line and the column."""
        if self.expected == MAX_DEPTH_ERROR:
            return f"proto: {MAX_DEPTH_ERROR}"
        if self.position >= len(self.text):
            return "proto: unexpected EOF"
        word = _WORD.match(self.text, self._start)
        shown = re.split(r"\W", word[0])[0] or word[0] if word else self.text[self._start]
        return f"proto: syntax error {place(self.text, self._start)}: invalid value {shown}"


class HalfCharacter(SyntaxFault):
    """A text has half of a character that UTF-16 writes in two; only protojson minds.

    Attributes:
        following: The six characters where the other half was to be.
    """

    def __init__(self, source: str, position: int, following: str) -> None:
        super().__init__(source, position, "in string escape code")
        self.following = following

    def as_go(self) -> str:
        return self.as_protojson()

    def as_protojson(self) -> str:
        if len(self.following) < 6:
            return "proto: unexpected EOF"
        shown = json.dumps(self.following, ensure_ascii=False)
        return f"proto: syntax error {place(self.text, self.position)}: invalid escape code {shown} in string"


class Members(dict[str, Any]):
    """An object with a member that was named twice; the reader refuses it with a position."""

    repeated: str = ""


@dataclass(frozen=True)
class Text:
    """A JSON text and its first value."""

    source: str
    value: Any


def read_first(source: str) -> Text:
    """The first value of a text, as encoding/json's decoder takes it; what follows is ignored.

    Raises:
        SyntaxFault: There is no value, or it is broken.
    """
    start = _BLANK.match(source).end()  # type: ignore[union-attr]
    try:
        value, _ = _DECODER.raw_decode(source, start)
    except json.JSONDecodeError as exc:
        raise _fault(source, exc) from exc
    except RecursionError as exc:
        raise SyntaxFault(source, start, MAX_DEPTH_ERROR) from exc
    except ValueError as exc:
        raise SyntaxFault(source, start, "in numeric literal") from exc
    _check_surrogates(source, value)
    return Text(source, value)


def place(source: str, offset: int) -> str:
    """A position as protojson writes it, counted from 1."""
    line = source.count("\n", 0, offset) + 1
    column = offset - (source.rfind("\n", 0, offset) + 1) + 1
    return f"(line {line}:{column})"


def find(source: str, path: Sequence[str | int], *, key: bool = False, occurrence: int = 0) -> int:
    """Offset of the value at a path of member names and indices; with `key`, of the last member's name.

    Args:
        source: A text that `read_first` could read.
        path: Where to go.
        key: Find the name instead of the value.
        occurrence: Which member of that name, when it is there several times.
    """
    offset = _after_blank(source, 0)
    for depth, step in enumerate(path):
        is_last = depth == len(path) - 1
        if isinstance(step, int):
            offset = _element(source, offset, step)
        else:
            offset = _member(source, offset, step, occurrence if is_last else 0, key and is_last)
    return offset


def raw(source: str, offset: int) -> str:
    """The token at an offset as it is written; an opening bracket stands for what it opens."""
    if source[offset] in "{[":
        return source[offset]
    _, end = _DECODER.raw_decode(source, offset)
    return source[offset:end]


def _member(source: str, offset: int, name: str, occurrence: int, key: bool) -> int:
    offset = _after_blank(source, offset + 1)
    while True:
        found, end = _DECODER.raw_decode(source, offset)
        value_at = _after_blank(source, _after_blank(source, end) + 1)
        if found == name:
            if occurrence == 0:
                return offset if key else value_at
            occurrence -= 1
        _, end = _DECODER.raw_decode(source, value_at)
        offset = _after_blank(source, _after_blank(source, end) + 1)


def _element(source: str, offset: int, index: int) -> int:
    offset = _after_blank(source, offset + 1)
    for _ in range(index):
        _, end = _DECODER.raw_decode(source, offset)
        offset = _after_blank(source, _after_blank(source, end) + 1)
    return offset


def _check_surrogates(source: str, value: Any) -> None:
    """Refuse halves of characters, which no text can hold; they can only come as escapes."""
    escape = _SURROGATE.search(source)
    if escape is None:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise _half_character(source) from exc


def _half_character(source: str) -> "HalfCharacter":
    """The first half that is not followed by the other half."""
    for match in _STRING.finditer(source):
        for escape in _UNIT.finditer(match[0]):
            if escape[2]:
                after = match.start() + escape.end()
                return HalfCharacter(source, match.start(), source[after : after + 6])
    return HalfCharacter(source, 0, "")


def _after_blank(source: str, offset: int) -> int:
    return _BLANK.match(source, offset).end()  # type: ignore[union-attr]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    repeated = Members(members)
    repeated.repeated = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return repeated


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError("Expecting value", name, 0)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _fault(source: str, exc: json.JSONDecodeError) -> SyntaxFault:
    if exc.doc is not source:
        return SyntaxFault(source, source.find(exc.doc), "looking for beginning of value")
    position = _after_blank(source, exc.pos)
    if exc.msg.startswith("Unterminated string"):
        return SyntaxFault(source, len(source), "in string literal")
    if exc.msg.startswith("Invalid \\"):
        return _escape_fault(source, source.rfind("\\", 0, exc.pos + 1))
    if exc.msg.startswith("Invalid control"):
        return SyntaxFault(source, exc.pos, "in string literal")
    if exc.msg.startswith("Expecting property"):
        return SyntaxFault(source, position, "looking for beginning of object key string")
    if exc.msg.startswith("Expecting ':'"):
        return SyntaxFault(source, position, "after object key")
    if exc.msg.startswith("Expecting ','"):
        return _number_fault(source, position) or SyntaxFault(source, position, "after object key:value pair")
    if source[position : position + 1] == "-":
        return SyntaxFault(source, position + 1, "in numeric literal", start=position)
    return _literal_fault(source, position)


def _escape_fault(source: str, backslash: int) -> SyntaxFault:
    """Go complains at the first character that cannot belong to the escape."""
    if source[backslash + 1 : backslash + 2] != "u":
        return SyntaxFault(source, backslash + 1, "in string escape code")
    digits = source[backslash + 2 : backslash + 6]
    good = next((place for place, digit in enumerate(digits) if digit not in hexdigits), len(digits))
    return SyntaxFault(source, backslash + 2 + good, "in \\u hexadecimal character escape")


def _number_fault(source: str, position: int) -> SyntaxFault | None:
    """What follows a whole number and would have made it a fraction, had it been complete."""
    if not source[position - 1 : position].isdecimal():
        return None
    if source[position : position + 1] == ".":
        return SyntaxFault(source, position + 1, "after decimal point in numeric literal")
    if source[position : position + 1] in ("e", "E"):
        has_sign = source[position + 1 : position + 2] in ("+", "-")
        return SyntaxFault(source, position + 1 + has_sign, "in exponent of numeric literal")
    return None


def _literal_fault(source: str, position: int) -> SyntaxFault:
    """Go reads null, true and false letter by letter and complains at the first that differs."""
    for literal in _LITERALS:
        if source[position : position + 1] == literal[0]:
            same = next(i for i in range(1, 6) if source[position + i : position + i + 1] != literal[i : i + 1])
            expecting = f"in literal {literal} (expecting {_quoted(literal[same])})"
            return SyntaxFault(source, position + same, expecting, start=position)
    return SyntaxFault(source, position, "looking for beginning of value")


def _quoted(character: str) -> str:
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    return "'" + json.dumps(character, ensure_ascii=False)[1:-1] + "'"
