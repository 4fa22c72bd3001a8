"""Names before news: what a run is of is asked for before the run's first events are told.

Subscriptions and streams are filtered by the names of pipelines and experiments, and an event never changes. Without
this the events of a pipeline's first runs would say ids alone, and who waits for the name would miss them.
"""

import asyncio
from collections.abc import Sequence

import structlog

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.runs import index_rows
from kfadapter.runs.index_rows import Unnamed
from kfadapter.runs.naming import asked_names

# Kubeflow has just shown the run, so it answers; if not, the events go out with ids alone.
WAIT_SECONDS = 2.0
KEPT = 50_000

log = structlog.get_logger(__name__)


class Introductions:
    """Learns the names of pipelines, versions and experiments when a run of them is seen for the first time."""

    def __init__(self, kubeflow: Kubeflow, database: Transactions, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._database = database
        self._clock = clock
        self._met: set[str] = set()

    async def __call__(self, runs: Sequence[Run]) -> None:
        """Ask for what is not known yet; usually nothing, which costs nothing."""
        new = {run.run_id: one for run in runs if (one := _things(run) - self._met)}
        if not new:
            return
        things = await self._database.note(index_rows.introduce, [run for run in runs if run.run_id in new])
        names = await self._asked(things)
        if names:
            await self._database.note(index_rows.name_things, names, self._clock.now())
        if len(self._met) > KEPT:
            self._met.clear()
        self._met.update(*new.values())

    async def _asked(self, things: Sequence[Unnamed]) -> dict[int, str | None]:
        """The names, once: what is not known then is learnt with the others that are old or missing."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                names, _ = await asked_names(self._kubeflow, things)
        except (KubeflowError, TimeoutError) as exc:
            log.info("names are not known yet", action="names_missing", reason=str(exc) or "no answer in time")
            return {}
        return names


def _things(run: Run) -> set[str]:
    return {one for one in (run.pipeline_id, run.pipeline_version_id, run.experiment_id) if one}
