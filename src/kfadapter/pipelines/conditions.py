"""Conditions of a compiled pipeline in words. They are CEL, of which the compiler writes a small part."""

import re
from collections.abc import Callable

LONGEST = 2_000
"""Longer conditions are shown as they stand, cut."""

_INPUT = re.compile(r"inputs\.parameter_values\[\s*(?P<quote>['\"])(?P<input>[^'\"\]]*)(?P=quote)\s*\]")
_TOKEN = re.compile(
    _INPUT.pattern + r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<conversion>\b(?:int|double|string|bool)\()"
    r"|(?P<operator>&&|\|\||!=|!|\(|\))"
    r"|(?P<other>[^'\"&|!()i]+|.)",
    re.DOTALL,
)
_WORDS = {"&&": " and ", "||": " or ", "!": "not ", "!=": " != "}
_SPACES = re.compile(r"\s+")


def inputs_of(condition: str) -> frozenset[str]:
    """The names of the inputs that a condition reads."""
    return frozenset(match["input"] for match in _INPUT.finditer(condition))


def in_words(condition: str, label: Callable[[str], str]) -> str:
    """A condition for a person; `label` names an input. What cannot be read is left as it stands."""
    if len(condition) > LONGEST:
        return condition[:LONGEST] + "…"
    open_conversions: list[bool] = []
    words = (_word(match, label, open_conversions) for match in _TOKEN.finditer(condition))
    return _without_outer_brackets("".join(words).strip())


def _word(match: re.Match[str], label: Callable[[str], str], conversions: list[bool]) -> str:
    if match["input"] is not None:
        return label(match["input"])
    if match["conversion"]:
        conversions.append(True)
        return ""
    operator = match["operator"]
    if operator == "(":
        conversions.append(False)
        return "("
    if operator == ")":
        return "" if conversions and conversions.pop() else ")"
    if operator:
        return _WORDS[operator]
    return str(match["text"]) if match["text"] else _SPACES.sub(" ", match["other"])


def _without_outer_brackets(text: str) -> str:
    text = _SPACES.sub(" ", text) if "'" not in text and '"' not in text else text.replace("  ", " ")
    while text.startswith("(") and text.endswith(")") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return position == len(text) - 1
    return False
