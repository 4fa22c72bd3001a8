"""A supervisor that runs nothing: the test says what happens in a run."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from kfadapter.engine.running.events import Event, RunSink
from kfadapter.engine.running.run_order import RunOrder


class ScriptedSupervisor:
    """Keeps what it was asked for and writes the events that the test tells it to."""

    def __init__(self) -> None:
        self.sink: RunSink | None = None
        self.submitted: list[RunOrder] = []
        self.retried: list[RunOrder] = []
        self.terminated: list[str] = []
        self.forgotten: list[str] = []
        self.adopted: list[str] = []
        self.failure: Exception | None = None
        self._last: dict[str, int] = {}

    async def submit(self, order: RunOrder) -> None:
        if self.failure:
            raise self.failure
        self.submitted.append(order)

    async def terminate(self, run_id: str) -> None:
        self.terminated.append(run_id)

    async def retry(self, order: RunOrder) -> None:
        self.retried.append(order)

    async def forget(self, run_id: str) -> None:
        self.forgotten.append(run_id)

    async def adopt(self, run_ids: Sequence[str]) -> None:
        self.adopted.extend(run_ids)

    async def prepare(self, pipeline_spec: Mapping[str, Any]) -> None:
        """Nothing to prepare."""

    def event(self, run_id: str, type_: str, **data: Any) -> Event:
        """The next event of a run."""
        self._last[run_id] = self._last.get(run_id, 0) + 1
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return Event(seq=self._last[run_id], ts=at, type=type_, data=data)

    async def tell(self, run_id: str, *events: Event) -> None:
        """Hand events to the store, from a thread as the real one does."""
        assert self.sink is not None
        await asyncio.to_thread(self.sink.apply, run_id, list(events), 100 * self._last[run_id])

    async def begin(self, run_id: str) -> None:
        await self.tell(run_id, self.event(run_id, "run.started", pid=1, start_ticks=1, engine_version="0", python="3"))

    async def end(self, run_id: str, state: str, error: dict[str, Any] | None = None) -> None:
        await self.tell(run_id, self.event(run_id, "run.finished", state=state, error=error, outputs={}))

    async def play(self, run_id: str, state: str = "SUCCEEDED") -> None:
        """A run of one task, from beginning to end."""
        await self.begin(run_id)
        task_id = str(uuid5(UUID(run_id), "root.task") if len(run_id) == 36 else uuid5(NAMESPACE_URL, run_id))
        common = {"task_id": task_id, "attempt": 0}
        await self.tell(
            run_id,
            self.event(
                run_id,
                "task.created",
                task_id=task_id,
                parent_task_id="",
                name="task",
                display_name="task",
                path="root.task",
                kind="container",
                iteration=None,
                component="comp-task",
                depends_on=[],
                inputs={},
            ),
            self.event(run_id, "task.state", state="RUNNING", reason="", **common),
            self.event(
                run_id,
                "task.finished",
                state=state,
                error={"code": 2, "message": "it broke"} if state == "FAILED" else None,
                exit_code=0,
                attempts=1,
                cached=False,
                outputs={},
                log=None,
                usage=None,
                **common,
            ),
        )
        await self.end(run_id, state)
