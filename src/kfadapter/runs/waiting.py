"""Waiting for something to happen to a run, without asking Kubeflow for each who waits."""

import asyncio
import hashlib
from collections.abc import Sequence

from kfadapter.clock import Clock
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import Task

LONGEST_WAIT_SECONDS = 300.0


class RunWatch:
    """Looks at runs for those who wait for a change; at most once a pause for each run, however many wait.

    Args:
        poll_seconds: The pause between two looks at a run.
    """

    def __init__(self, kubeflow: Kubeflow, clock: Clock, *, poll_seconds: float) -> None:
        self._kubeflow = kubeflow
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._looks: dict[str, asyncio.Task[tuple[Run, str]]] = {}

    async def changed(self, run_id: str, known: str | None, *, seconds: float) -> tuple[Run, str, bool]:
        """The run once it differs from what is known, has ended, or the time is over.

        Args:
            known: The fingerprint the caller has; None: the one of this moment.
            seconds: At most so long.

        Returns:
            The run, its fingerprint, and whether it differs from what was known.

        Raises:
            KubeflowNotFound: There is no such run (any more).
            KubeflowError: Kubeflow is away.
        """
        until = asyncio.get_running_loop().time() + min(seconds, LONGEST_WAIT_SECONDS)
        run, here = await self._fresh(run_id)
        first = here if known is None else known
        while here == first and not run.has_ended and asyncio.get_running_loop().time() < until:
            run, here = await self._next_look(run_id)
        return run, here, here != first

    async def _fresh(self, run_id: str) -> tuple[Run, str]:
        run = await self._kubeflow.runs.get(run_id)
        tasks = await self._kubeflow.tasks.of(run)
        return run, fingerprint(run, tasks.tasks)

    async def _next_look(self, run_id: str) -> tuple[Run, str]:
        """The look that is under way for this run, or a new one."""
        look = self._looks.get(run_id)
        if look is None or look.done():
            look = asyncio.create_task(self._look_later(run_id), name=f"watch-{run_id}")
            look.add_done_callback(lambda done: self._forget(run_id, done))
            self._looks[run_id] = look
        return await asyncio.shield(look)

    async def _look_later(self, run_id: str) -> tuple[Run, str]:
        await self._clock.sleep(self._poll_seconds)
        return await self._fresh(run_id)

    def _forget(self, run_id: str, done: "asyncio.Task[tuple[Run, str]]") -> None:
        if self._looks.get(run_id) is done:
            del self._looks[run_id]
        if not done.cancelled():
            done.exception()  # told to those who wait, of whom there may be none any more


def fingerprint(run: Run, tasks: Sequence[Task]) -> str:
    """Another one means that something has happened to a run or to one of its tasks."""
    # The pod's name itself may be learnt later than that there is one, from elsewhere.
    facts = [(task.task_id, task.state, task.attempts, bool(task.pod_name)) for task in tasks]
    text = repr((run.state, run.storage_state, run.finished_at, sorted(map(str, facts))))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
