"""Answers of the last seconds, kept so that a question need not be asked twice."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from kfadapter.clock import Clock

KEEP_SECONDS = 30.0
KEEP_ENTRIES = 1024

T = TypeVar("T")


class Recent(Generic[T]):
    """Answers of the last seconds by key; bounded."""

    def __init__(self, clock: Clock, keep_seconds: float = KEEP_SECONDS, entries: int = KEEP_ENTRIES) -> None:
        self._clock = clock
        self._keep = timedelta(seconds=keep_seconds)
        self._entries = entries
        self._values: OrderedDict[tuple[str, ...], tuple[datetime, T]] = OrderedDict()

    def get(self, *key: str) -> T | None:
        """The value of a key, unless it is too old."""
        at, value = self._values.get(key, (None, None))
        return value if at is not None and self._clock.now() - at < self._keep else None

    def put(self, value: T, *key: str) -> T:
        """Keep a value, and return it."""
        self._values[key] = (self._clock.now(), value)
        self._values.move_to_end(key)
        while len(self._values) > self._entries:
            self._values.popitem(last=False)
        return value

    def forget(self, *key: str) -> bool:
        """Drop a key; True when it was there."""
        return self._values.pop(key, None) is not None
