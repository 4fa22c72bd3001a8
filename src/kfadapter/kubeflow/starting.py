"""Starting a run for whoever waits for the answer: sent once, and looked up by its id when the answer does not come.

Training jobs are started by `training.launch`, which remembers its intentions; here the caller does.
"""

import asyncio

from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInterrupted,
    KubeflowInvalid,
    KubeflowNotFound,
    KubeflowUnavailable,
)
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun, Runs

REFUSALS = (KubeflowInvalid, KubeflowNotFound, KubeflowForbidden, KubeflowConflict)
LOOK_UPS = 4
FIRST_PAUSE_SECONDS = 0.2


async def start(runs: Runs, new: NewRun) -> Run:
    """Start a run, exactly once.

    Raises:
        KubeflowError: Refused, or surely not started.
        KubeflowInterrupted: Whether it was started is not known; names the run's id, to look it up later.
    """
    try:
        return await runs.create(new)
    except REFUSALS:
        raise
    except KubeflowError as exc:
        if isinstance(exc, KubeflowUnavailable) and exc.never_arrived:
            raise
        found = await _found(runs, new.run_id)
        if found is not None:
            return found
        raise KubeflowInterrupted(
            f"{exc.reason}; whether run {new.run_id} was started is not known, look it up by its id",
            status=exc.status,
        ) from exc


async def _found(runs: Runs, run_id: str) -> Run | None:
    pause = FIRST_PAUSE_SECONDS
    for _ in range(LOOK_UPS):
        try:
            return await runs.get(run_id)
        except KubeflowError:
            await asyncio.sleep(pause)
            pause *= 2
    return None
