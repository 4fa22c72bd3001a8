"""Equal questions that are put at the same time share one answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from kfadapter.kubeflow.patience import note_wait

# Whoever asks while an answer is on its way waits so long for it to come; then it is asked for again beside it.
WAIT_SECONDS = 0.25

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Reads by key. Every caller gets an answer that was asked for after its own question: no answer is older.

    While one read is under way, all who come share the next one, which begins when the first one is over.

    Args:
        base_url: The Kubeflow that is read.
        wait_seconds: How long the next read waits for the one under way.
    """

    def __init__(self, base_url: str, wait_seconds: float = WAIT_SECONDS) -> None:
        self._base_url = base_url
        self._wait_seconds = wait_seconds
        self._under_way: dict[str, asyncio.Task[T]] = {}
        self._next: dict[str, asyncio.Task[T]] = {}

    async def read(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """The answer to the question of this key; raises what reading raises. It goes on when a caller leaves."""
        shared = self._next.get(key)
        if shared is None:
            shared = asyncio.create_task(self._read_next(key, read), name=f"read-{key}")
            self._next[key] = shared
        try:
            return await asyncio.shield(shared)
        except asyncio.CancelledError as exc:
            note_wait(exc, self._base_url)
            raise

    async def _read_next(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        if (before := self._under_way.get(key)) is not None:
            await asyncio.wait({before}, timeout=self._wait_seconds)
        mine = self._under_way[key] = self._next.pop(key)  # from here on nobody joins
        try:
            return await read()
        finally:
            if self._under_way.get(key) is mine:
                del self._under_way[key]
