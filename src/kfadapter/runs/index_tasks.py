"""What happens to the tasks of runs under way, told as events: their states, and the artifacts they make.

KFP 2.x shows tasks with every run it lists, so they cost no further call. Where they have to be asked for (the
embedded engine, KFP 3.0), a bounded number of runs is asked a round. Each event has a key, so that it is told once,
whatever is seen again after a restart.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.events.log import append
from kfadapter.events.records import NewEvent
from kfadapter.events.types import EventType
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.tasks import Task
from kfadapter.runs.artifacts import artifacts_of
from kfadapter.runs.index_events import facts_of
from kfadapter.runs.index_pages import rows_of

ASKED_A_ROUND = 5
REMEMBERED_RUNS = 2000
GROUPS = frozenset({"root", "iteration"})


class TaskWatch:
    """Tells of tasks."""

    def __init__(self, kubeflow: Kubeflow, database: Transactions, clock: Clock) -> None:
        self._kubeflow = kubeflow
        self._database = database
        self._clock = clock
        self._told: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._ended: set[str] = set()

    async def look(self, runs: Sequence[Run]) -> int:
        """Tell what is new of the tasks of these runs. Returns how many calls that took.

        Raises:
            KubeflowError: Kubeflow is away; what was not told is told the next time.
        """
        calls = 0
        is_native = (await self._kubeflow.server()).has_native_tasks
        for run in sorted(runs, key=self._seen_before):
            if run.run_id in self._ended and run.has_ended:
                continue
            self._ended.discard(run.run_id)  # it was retried
            if is_native and calls == ASKED_A_ROUND:
                break
            calls += is_native
            await self._tell(run, (await self._kubeflow.tasks.of(run)).tasks)
        return calls

    async def _tell(self, run: Run, tasks: Sequence[Task]) -> None:
        known = self._told.get(run.run_id, {})
        news = [task for task in tasks if task.kind not in GROUPS and known.get(task.task_id) != _mark(task)]
        if news:
            await self._database.note(_append, run.run_id, news, known, self._clock.now())
        self._told[run.run_id] = {**known, **{task.task_id: _mark(task) for task in news}}
        self._told.move_to_end(run.run_id)
        if run.has_ended:
            self._ended.add(run.run_id)
        while len(self._told) > REMEMBERED_RUNS:
            forgotten, _ = self._told.popitem(last=False)
            self._ended.discard(forgotten)

    def _seen_before(self, run: Run) -> tuple[bool, int]:
        """Ends first: a run that has ended is not looked at again; then those looked at longest ago."""
        places = {run_id: place for place, run_id in enumerate(self._told)}
        return (not run.has_ended, places.get(run.run_id, -1))


def _append(connection: Connection, run_id: str, tasks: Sequence[Task], known: dict[str, str], now: datetime) -> None:
    rows = rows_of(connection, [run_id])
    facts = facts_of(rows[0]) if rows else {}
    told = []
    for task in tasks:
        data = {
            "task_id": task.task_id,
            "task_name": task.name,
            "previous_state": known.get(task.task_id, "").partition(" ")[0],
            "attempts": task.attempts,
            "error": task.error[:1000],
        }
        told.append(
            NewEvent(
                type=EventType.TASK_STATE_CHANGED,
                subject=run_id,
                at=task.finished_at or task.started_at or task.created_at or now,
                run_id=run_id,
                state=task.state,
                data=data,
                key=f"{run_id} {task.task_id} {_mark(task)}",
                **facts,
            )
        )
    for found in artifacts_of([task for task in tasks if task.finished_at is not None]):
        artifact = {"task_id": found.task.task_id, "task_name": found.task.name, **found.artifact.to_json()}
        told.append(
            NewEvent(
                type=EventType.ARTIFACT_CREATED,
                subject=run_id,
                at=found.task.finished_at or now,
                run_id=run_id,
                data={**artifact, "output": found.output},
                key=f"{run_id} {found.id}",
                **facts,
            )
        )
    append(connection, *told)


def _mark(task: Task) -> str:
    """Another one means that something has happened to a task."""
    return f"{task.state} {task.attempts or 0}"
