"""Creating a run whose answer may be late: it is never created twice, but it can be seen before its answer comes."""

import asyncio
import contextlib
from typing import Protocol

from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun

# Of the time a caller is answered within, so much belongs to Kubeflow's own answer alone.
PATIENT_SHARE = 0.4
LOOK_SECONDS = 0.5


class CreatesRuns(Protocol):
    """What this needs of Kubeflow: `kubeflow.runs`."""

    async def create(self, new: NewRun) -> Run: ...

    async def get(self, run_id: str) -> Run: ...


async def created(runs: CreatesRuns, new: NewRun, *, answer_seconds: float) -> Run:
    """Create a run; once its answer is late the run is looked up by its id beside it, and counts when it is there.

    Kubeflow, or a proxy before it, may store a run and never answer: who waits for the answer gets it all the same.

    Args:
        answer_seconds: Within which the caller is to be answered. Real time.

    Raises:
        KubeflowError: Of the create call.
    """
    creating = asyncio.ensure_future(runs.create(new))
    try:
        await asyncio.wait({creating}, timeout=answer_seconds * PATIENT_SHARE)
        while not creating.done():
            shown = await _shown(runs, new.run_id, creating)
            if shown is not None:
                return shown
            await asyncio.wait({creating}, timeout=LOOK_SECONDS)
        return await creating
    finally:
        creating.cancel()


async def _shown(runs: CreatesRuns, run_id: str, creating: asyncio.Future[Run]) -> Run | None:
    """The run, if Kubeflow shows it before the create call is over. No answer is no news."""
    looking = asyncio.ensure_future(runs.get(run_id))
    try:
        await asyncio.wait({creating, looking}, return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            with contextlib.suppress(KubeflowError):
                return await looking
        return None
    finally:
        looking.cancel()
