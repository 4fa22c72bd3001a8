"""The attempts of a run: those that wait for a time or a slot, and those that have a thread and a process."""

import heapq
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

from kfadapter.engine.running.nodes import Code, Failure, Node, State
from kfadapter.engine.running.scheduler import Outcome
from kfadapter.engine.running.slots import Slot, TaskSlots
from kfadapter.engine.running.task_process import Attempt

SLOT_PAUSE_SECONDS = 0.02

Post = Callable[[Callable[[], None]], None]


class AttemptPool:
    """The scheduler's launcher: first come, first served, as many at once as there are free slots.

    Args:
        slots: The slots shared with all runs.
        make: Makes the attempt of a node.
        post: Hands a call to the thread that owns the scheduler.
        ended: What that thread is to be told when an attempt has ended.
    """

    def __init__(
        self,
        slots: TaskSlots,
        make: Callable[[Node], Attempt],
        post: Post,
        ended: Callable[[Node, Outcome], None],
    ) -> None:
        self._slots = slots
        self._make = make
        self._post = post
        self._tell_ended = ended
        self._ready: deque[Node] = deque()
        self._delayed: list[tuple[float, int, Node]] = []
        self._numbers = count()
        self._live: dict[Node, Attempt] = {}

    @property
    def is_idle(self) -> bool:
        """Whether no attempt has a process."""
        return not self._live

    def launch(self, node: Node, delay_seconds: float) -> None:
        """Run the node's attempt when the delay is over and a slot is free."""
        if delay_seconds > 0:
            heapq.heappush(self._delayed, (time.monotonic() + delay_seconds, next(self._numbers), node))
        else:
            self._ready.append(node)

    def cancel(self) -> list[Node]:
        """End all that run; the nodes of those that had not started."""
        for attempt in self._live.values():
            attempt.cancel()
        waiting = [*self._ready, *(node for _, _, node in sorted(self._delayed, key=lambda one: one[:2]))]
        self._ready.clear()
        self._delayed.clear()
        return waiting

    def start_ready(self) -> None:
        """Start what may start now."""
        now = time.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        while self._ready and (slot := self._slots.take()):
            self._start(self._ready.popleft(), slot)

    def patience(self) -> float | None:
        """Seconds until `start_ready` should be called again; None: not before something happens."""
        if self._ready:
            return SLOT_PAUSE_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311 - keeps runs from asking in step
        if self._delayed:
            return max(0.0, self._delayed[0][0] - time.monotonic())
        return None

    def _start(self, node: Node, slot: Slot) -> None:
        attempt = self._live[node] = self._make(node)
        name = f"attempt-{node.task_id}-{node.attempt}"
        threading.Thread(target=self._run, args=(node, attempt, slot), name=name, daemon=True).start()

    def _run(self, node: Node, attempt: Attempt, slot: Slot) -> None:
        try:
            outcome = attempt.run()
        except Exception as exc:  # noqa: BLE001 - the thread's outermost frame: the run must learn of it
            message = f"the engine failed to run the task: {type(exc).__name__}: {exc}"
            outcome = Outcome(state=State.FAILED, failure=Failure(code=Code.UNKNOWN, message=message))
        finally:
            slot.release()
        self._post(partial(self._ended, node, attempt, outcome))

    def _ended(self, node: Node, attempt: Attempt, outcome: Outcome) -> None:
        del self._live[node]
        attempt.close()
        self._tell_ended(node, outcome)
