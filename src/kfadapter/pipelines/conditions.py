"""Conditions of a compiled pipeline in words. They are CEL, of which the compiler writes a small part."""

import re
from collections.abc import Callable, Iterator

LONGEST = 2_000
"""Longer conditions are shown as they stand, cut."""

_INPUT = re.compile(r"inputs\.parameter_values\[\s*(?P<quote>['\"])(?P<input>[^'\"\]]*)(?P=quote)\s*\]")
_CONVERSION = r"\b(?:int|double|string|bool)\("
_TOKEN = re.compile(
    _INPUT.pattern + r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    rf"|(?P<conversion>{_CONVERSION})"
    r"|(?P<operator>&&|\|\||!=|!|\(|\))"
    rf"|(?P<other>(?:(?!inputs\.|{_CONVERSION})[^'\"&|!()])+|.)",
    re.DOTALL,
)
_WORDS = {"&&": "and", "||": "or", "!": "not"}
_SPACES = re.compile(r"\s+")


def inputs_of(condition: str) -> frozenset[str]:
    """The names of the inputs that a condition reads."""
    return frozenset(match["input"] for match in _INPUT.finditer(condition))


def in_words(condition: str, label: Callable[[str], str]) -> str:
    """A condition for a person; `label` names an input. What cannot be read is left as it stands."""
    if len(condition) > LONGEST:
        return condition[:LONGEST] + "…"
    words = _without_outer_brackets([word for word in _words(condition, label) if word])
    text = ""
    for before, word in zip(["(", *words], words, strict=False):
        text += word if before == "(" or word == ")" else f" {word}"
    return text


def _words(condition: str, label: Callable[[str], str]) -> Iterator[str]:
    """The condition word by word, conversions left out with their brackets."""
    conversions: list[bool] = []
    for match in _TOKEN.finditer(condition):
        if match["input"] is not None:
            yield label(match["input"])
        elif match["conversion"]:
            conversions.append(True)
        elif match["operator"] == "(":
            conversions.append(False)
            yield "("
        elif match["operator"] == ")":
            yield "" if conversions and conversions.pop() else ")"
        elif match["operator"]:
            yield _WORDS.get(match["operator"], match["operator"])
        else:
            yield match["text"] or _SPACES.sub(" ", match["other"]).strip()


def _without_outer_brackets(words: list[str]) -> list[str]:
    while len(words) > 2 and words[0] == "(" and _closing(words) == len(words) - 1:
        words = words[1:-1]
    return words


def _closing(words: list[str]) -> int:
    """Where the first bracket closes; 0: nowhere."""
    depth = 0
    for place, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return place
    return 0
