"""Keeps the values of secrets out of logs and events."""

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

SHORTEST = 4
SHORTEST_LINE = 8
COVER = "[redacted]"


class Redaction:
    """The secrets of a run: every value that a task was given, from then on. Used by several threads.

    Values shorter than four characters are not covered, nor is a value in another form (encoded, or cut in pieces).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        """Cover these from now on; of several lines, each line that is long enough too."""
        found = {part for value in values for part in _parts(value)}
        with self._lock:
            if not found <= self._words:
                self._words |= found
                longest_first = sorted(self._words, key=len, reverse=True)
                self._pattern = re.compile("|".join(re.escape(word) for word in longest_first))

    @property
    def words(self) -> frozenset[str]:
        """Everything that is covered."""
        return self._words

    def text(self, text: str) -> str:
        """A text without them."""
        return self._pattern.sub(COVER, text) if self._pattern else text

    def tree(self, value: Any) -> Any:
        """JSON values without them, at any depth."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.tree(item) for key, item in value.items()}
        return [self.tree(item) for item in value] if isinstance(value, list | tuple) else value


class StreamRedaction:
    """Covers words in bytes that arrive in portions. What may be the beginning of a word is held back."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted((word.encode() for word in words), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(word) for word in self._words)) if self._words else None
        self._held = b""

    def feed(self, portion: bytes) -> bytes:
        """What may be shown by now."""
        if self._pattern is None:
            return portion
        whole = self._held + portion
        shown = len(whole) - max(_open_bytes(whole, word) for word in self._words)
        for match in self._pattern.finditer(whole):
            if match.start() < shown < match.end():
                shown = match.start()
        self._held = whole[shown:]
        return self._pattern.sub(COVER.encode(), whole[:shown])

    def flush(self) -> bytes:
        """What was held back, once nothing follows."""
        held, self._held = self._held, b""
        return self._pattern.sub(COVER.encode(), held) if self._pattern else held


def _open_bytes(whole: bytes, word: bytes) -> int:
    """Bytes at the end that begin a word and do not end it."""
    place = max(0, len(whole) - len(word) + 1)
    while (place := whole.find(word[:1], place)) >= 0:
        if word.startswith(whole[place:]):
            return len(whole) - place
        place += 1
    return 0


def _parts(value: str) -> Iterable[str]:
    """A value as it is, without white space around it, and its lines."""
    lines = [line.strip() for line in value.splitlines()]
    whole = (one for one in (value, value.strip()) if len(one.strip()) >= SHORTEST)
    return [*whole, *(line for line in lines if len(line) >= SHORTEST_LINE)]
