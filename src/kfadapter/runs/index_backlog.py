"""What the index is still to write: runs that were just created, gathered so that many cost one transaction.

Whoever starts a run waits for Kubeflow and the ledger, not for the index. What dies with the process before it is
written is found by the indexer, which reads every run of Kubeflow anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from kfadapter.errors import DatabaseError
from kfadapter.runs.index_rows import Seen

GATHER_SECONDS = 0.1

log = structlog.get_logger(__name__)


class Backlog:
    """Gathers what was seen for a moment; readers have it written first.

    Args:
        write: Writes what was seen, in one transaction.
    """

    def __init__(self, write: Callable[[Sequence[Seen]], Awaitable[object]]) -> None:
        self._write = write
        self._waiting: list[Seen] = []
        self._timer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def add(self, seen: Seen) -> None:
        """Have it written soon."""
        self._waiting.append(seen)
        if self._timer is None or self._timer.done():
            self._timer = asyncio.create_task(self._write_soon(), name="run-index-backlog")

    async def written(self) -> None:
        """Return when everything added before is written, or could not be: that is logged, not raised."""
        if not self._waiting and not self._writing.locked():
            return
        async with self._writing:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._write(batch)
                except DatabaseError as exc:
                    log.warning("not indexed", action="index_failed", reason=str(exc))

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        await self.written()

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
            await self.written()
