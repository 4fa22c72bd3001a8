"""Kubeflow's runs, with everything that is seen of them written into the index on the way.

The watcher and the launcher ask Kubeflow anyway; what they are shown costs no further call.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun, Runs
from kfadapter.runs.index import RunIndex

# So many runs in one answer mean that the watcher is at work at the limit of what Kubeflow should be asked.
MANY = 100
BUSY_SECONDS = 5.0

log = structlog.get_logger(__name__)


class SeenRuns:
    """`kubeflow.runs`, as far as watching and launching need it."""

    def __init__(self, runs: Runs, index: RunIndex, clock: Clock) -> None:
        self._runs = runs
        self._index = index
        self._clock = clock
        self._crowded_at: datetime | None = None

    @property
    def is_crowded(self) -> bool:
        """Whether many runs are being watched at this time."""
        if self._crowded_at is None:
            return False
        return (self._clock.now() - self._crowded_at).total_seconds() < BUSY_SECONDS

    async def by_ids(self, ids: Iterable[str]) -> Mapping[str, Run]:
        asked_at = self._clock.now()
        found = await self._runs.by_ids(ids)
        await self._keep(list(found.values()), asked_at)
        return found

    async def finished_since(
        self, moment: datetime, *, enough: Callable[[Sequence[Run]], bool] = lambda runs: False
    ) -> Sequence[Run]:
        asked_at = self._clock.now()
        found = await self._runs.finished_since(moment, enough=enough)
        await self._keep(found, asked_at)
        return found

    async def get(self, run_id: str) -> Run:
        asked_at = self._clock.now()
        run = await self._runs.get(run_id)
        await self._keep([run], asked_at)
        return run

    async def create(self, new: NewRun) -> Run:
        asked_at = self._clock.now()
        run = await self._runs.create(new)
        self._index.will_see(run, asked_at=asked_at)
        return run

    async def terminate(self, run_id: str) -> None:
        await self._runs.terminate(run_id)

    async def _keep(self, runs: Sequence[Run], asked_at: datetime) -> None:
        """The index is filled by others too: that it cannot be written must not disturb who asked."""
        if len(runs) >= MANY:
            self._crowded_at = asked_at
        try:
            await self._index.saw(runs, asked_at=asked_at)
        except DatabaseError as exc:
            log.warning("not indexed", action="index_failed", reason=str(exc))
