"""Looks after runs that do not come on: tells of each once for each reason, and stops it where that is wanted.

What is pending or overdue is known from the ledger alone. Whether tasks go on is asked of Kubeflow, for a few runs a
round, those that were looked at longest ago.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, KubeflowError
from kfadapter.kubeflow.resources import Run
from kfadapter.training.ledger import Ledger
from kfadapter.training.stuck import GoingRun, StuckLimits, symptom, usual_time

ROUND_SECONDS = 15.0
FEW = 10
# What a pipeline version usually takes is looked up so often.
HISTORY_SECONDS = 300.0

log = structlog.get_logger(__name__)


class ShowsRuns(Protocol):
    """What this needs of Kubeflow: `kubeflow.runs`."""

    async def get(self, run_id: str) -> Run: ...


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The tasks' states as they were seen, since when they are so, and when that was seen last."""

    tasks: frozenset[tuple[str, str]]
    changed_at: datetime
    looked_at: datetime


class StuckWatch:
    """The loop.

    Args:
        limits: When a run is stuck.
        stops: Such a run is to be terminated.
        leads: Whether this process is the one that looks; of several replicas one is enough.
    """

    def __init__(
        self,
        kubeflow: ShowsRuns,
        ledger: Ledger,
        clock: Clock,
        *,
        limits: StuckLimits,
        stops: bool = False,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._runs = kubeflow
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._stops = stops
        self._leads = leads
        self._looks: dict[str, _Look] = {}
        self._usual: dict[str, timedelta | None] = {}
        self._usual_at: datetime | None = None

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._clock.sleep(ROUND_SECONDS)
            if self._leads() and not self._limits.is_off:
                await self._safe_look()

    async def look(self) -> None:
        """One round.

        Raises:
            DatabaseError: The ledger cannot be used.
        """
        going = await self._ledger.going_runs()
        if not going:
            return
        await self._look_at_tasks(going)
        usual = await self._usual_times(going)
        now = self._clock.now()
        for run in going:
            look = self._looks.get(run.run_id)
            changed_at = look.changed_at if look is not None else None
            found = symptom(run, self._limits, now, usual=usual.get(run.pipeline_version_id), changed_at=changed_at)
            if found is not None and await self._ledger.report_stuck(run.run_id, found, stops=self._stops, now=now):
                log.warning("run is stuck", action="run_stuck", run_id=run.run_id, reason=found.text)

    async def _safe_look(self) -> None:
        try:
            await self.look()
        except DatabaseError as exc:
            log.error("ledger cannot be used", action="stuck_watch_failed", reason=str(exc))
        except Exception:  # the outermost frame of the loop: one bad round must not end the watch
            log.exception("a round of the stuck-run watch failed", action="stuck_watch_failed")

    async def _look_at_tasks(self, going: Sequence[GoingRun]) -> None:
        """Note changes of tasks; no answer is no news, and no progress is concluded from it."""
        if not self._limits.idle_seconds:
            return
        self._looks = {run.run_id: self._looks[run.run_id] for run in going if run.run_id in self._looks}
        by_age = sorted(going, key=lambda run: (run.run_id in self._looks, self._looked_at(run.run_id)))
        for run in by_age[:FEW]:
            try:
                seen = await self._runs.get(run.run_id)
            except KubeflowError:
                self._looks.pop(run.run_id, None)
                continue
            self._note(run.run_id, frozenset((task.task_id, task.state) for task in seen.task_details))

    def _note(self, run_id: str, tasks: frozenset[tuple[str, str]]) -> None:
        now, before = self._clock.now(), self._looks.get(run_id)
        changed_at = before.changed_at if before is not None and before.tasks == tasks else now
        self._looks[run_id] = _Look(tasks=tasks, changed_at=changed_at, looked_at=now)

    def _looked_at(self, run_id: str) -> float:
        look = self._looks.get(run_id)
        return 0.0 if look is None else look.looked_at.timestamp()

    async def _usual_times(self, going: Sequence[GoingRun]) -> Mapping[str, timedelta | None]:
        if not self._limits.overdue_factor:
            return {}
        now = self._clock.now()
        if self._usual_at is None or (now - self._usual_at).total_seconds() >= HISTORY_SECONDS:
            self._usual, self._usual_at = {}, now
        unknown = {run.pipeline_version_id for run in going} - self._usual.keys()
        if unknown:
            known = await self._ledger.durations(unknown)
            self._usual.update({version: usual_time(known.get(version, ())) for version in unknown})
        return self._usual
