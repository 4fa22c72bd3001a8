"""Noticing ends: looks at what Kubeflow shows, again and again, and never concludes anything from silence.

A round costs Kubeflow at most two calls, however many runs are active: one batch of runs by their ids, those that
were looked at the longest time ago first, and, where one batch does not hold them all, one list of the runs that
ended lately. Stops that have not gone through and runs that seem to be gone add a bounded few. With nothing to watch
there are no calls.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, KubeflowConflict, KubeflowError, KubeflowNotFound, TransitionRefused
from kfadapter.kubeflow.resources import Run
from kfadapter.training.absence import Absences
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_watch import Sighting, WatchedRun
from kfadapter.training.states import RunState, end_of

BATCH = 150
TRANSACTION = 50
OVERLAP = timedelta(minutes=2)
LONGEST_PAUSE_SECONDS = 5.0
FEW = 5
# For a question about one run, in a round that has other things to do.
LONE_SECONDS = 1.0
WATERMARK = "finished_at"
# The watermark is only written when it has moved this far: it saves a long list after a restart, nothing more.
WATERMARK_STEP = timedelta(minutes=1)

log = structlog.get_logger(__name__)


class ShowsRuns(Protocol):
    """What watching needs of Kubeflow: `kubeflow.runs`."""

    async def by_ids(self, ids: Iterable[str]) -> Mapping[str, Run]: ...

    async def finished_since(
        self, moment: datetime, *, enough: Callable[[Sequence[Run]], bool] = ...
    ) -> Sequence[Run]: ...

    async def get(self, run_id: str) -> Run: ...

    async def terminate(self, run_id: str) -> None: ...


class Watcher:
    """Brings the ledger up to what Kubeflow shows.

    Args:
        kubeflow: Kubeflow's runs.
        poll_seconds: From one round to the next while Kubeflow answers.
        lost_after_seconds: A run that Kubeflow does not know ends LOST after so long, counting only time in which
            Kubeflow answered, and from the start of the service.
        lookup_seconds: The same for a run whose create call had no known outcome: the launch is closed as failed.
        leads: Whether this process is the one that watches; of several replicas one is enough.
    """

    def __init__(
        self,
        kubeflow: ShowsRuns,
        ledger: Ledger,
        clock: Clock,
        *,
        poll_seconds: float = 1.0,
        lost_after_seconds: float = 600.0,
        lookup_seconds: float = 20.0,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._leads = leads
        self._runs = kubeflow
        self._ledger = ledger
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._absences = Absences(lost_after_seconds=lost_after_seconds, lookup_seconds=lookup_seconds)
        self._rounds = 0
        self._looked_at: dict[str, int] = {}
        self._tried_to_stop: dict[str, int] = {}
        self._asked_for: dict[str, int] = {}
        self._logged: set[str] = set()
        self._watermark: datetime | None = None
        self._noted: dict[str, str] = {}
        self._away_since: datetime | None = None
        self._failures = 0
        self._has_ledger_failed = False

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await (self._safe_look() if self._leads() else self._stand_by())
            pause = self._poll_seconds * 2 ** min(self._failures, 10)
            await self._clock.sleep(min(pause, max(LONGEST_PAUSE_SECONDS, self._poll_seconds)))

    async def look(self) -> None:
        """One round. An error of Kubeflow's is no news: it is noted, and nothing is concluded.

        Raises:
            DatabaseError: The ledger cannot be used; what was seen will be seen again.
        """
        watched = {run.run_id: run for run in await self._ledger.watched(now=self._clock.now())}
        self._forget_others(watched)
        if not watched:
            self._failures = 0
            return
        try:
            await self._look_at(watched)
        except KubeflowError as exc:
            self._absences.silence()
            self._away(exc)
        else:
            self._back()

    async def _stand_by(self) -> None:
        """Another replica watches: what was seen here is forgotten, and its time counts for nothing."""
        self._absences.keep(())
        self._absences.silence()
        self._watermark = None
        self._failures = 0

    async def _safe_look(self) -> None:
        try:
            await self.look()
            self._has_ledger_failed = False
        except DatabaseError as exc:
            self._failures += 1
            if not self._has_ledger_failed:
                log.error("ledger cannot be used", action="watch_failed", reason=str(exc))
            self._has_ledger_failed = True
        except Exception:  # the outermost frame of the loop: one bad round must not end the watch
            self._failures += 1
            log.exception("a round of the watcher failed", action="watch_failed")

    async def _look_at(self, watched: Mapping[str, WatchedRun]) -> None:
        batch = self._longest_unseen(watched)
        found = await self._runs.by_ids(batch)
        self._rounds += 1
        self._looked_at.update(dict.fromkeys(batch, self._rounds))
        self._absences.heard(self._clock.now())
        await self._record(watched, [run for run_id, run in found.items() if run_id in watched])
        self._absences.found(found)
        await self._conclude([watched[run_id] for run_id in batch if run_id not in found])
        if len(watched) > len(batch):
            await self._look_at_ends(watched)
        await self._repeat_stops([run for run in watched.values() if run.is_to_stop])

    def _longest_unseen(self, watched: Mapping[str, WatchedRun]) -> list[str]:
        """Those whose last look was longest ago; uncertain runs go first, since callers wait, in half of the places."""
        by_age = sorted(watched, key=lambda run_id: self._looked_at.get(run_id, 0))
        uncertain = [run_id for run_id in by_age if watched[run_id].state is not RunState.ACTIVE][: BATCH // 2]
        first = frozenset(uncertain)
        return (uncertain + [run_id for run_id in by_age if run_id not in first])[:BATCH]

    async def _look_at_ends(self, watched: Mapping[str, WatchedRun]) -> None:
        """The ends since the last look, by Kubeflow's own times: our clock may differ from its clock.

        The last ends come first, and a page without news ends the reading: what ended before has been seen. This list
        only makes the watch quicker; what it leaves out, and a server that refuses it, is seen by the batches.
        """
        since = await self._since(watched.values())
        if since is None:
            return
        try:
            ended = await self._runs.finished_since(
                since, enough=lambda runs: not any(r.run_id in watched for r in runs)
            )
        except KubeflowError as exc:
            self._log_once("ends", "Kubeflow does not list ends", action="ends_not_listed", reason=exc.reason)
            return
        self._logged.discard("ends")
        await self._record(watched, [run for run in ended if run.run_id in watched])
        await self._note_contradictions([run for run in ended if run.run_id not in watched])
        await self._advance([run.finished_at for run in ended if run.finished_at is not None])

    async def _since(self, watched: Iterable[WatchedRun]) -> datetime | None:
        """A run cannot have ended before it was created, nor is one before the watermark and its overlap awaited."""
        if self._watermark is None:
            self._watermark = await self._ledger.mark(WATERMARK)
        first = min((run.created_at for run in watched if run.created_at is not None), default=None)
        if first is None:
            return None
        if self._watermark is None:
            return first - OVERLAP
        return max(first, self._watermark) - OVERLAP

    async def _advance(self, times: Sequence[datetime]) -> None:
        """Move the watermark. A time from the future, of a node whose clock is wrong, must not blind the list."""
        if not times:
            return
        latest = min(max(times), self._clock.now())
        if self._watermark is None or latest - self._watermark >= WATERMARK_STEP:
            self._watermark = latest
            await self._ledger.set_mark(WATERMARK, latest)

    async def _record(self, watched: Mapping[str, WatchedRun], runs: Sequence[Run]) -> None:
        """Write down what has changed, in transactions of a bounded size; most rounds, nothing has."""
        changed = [sighting(run) for run in runs if _is_news(watched[run.run_id], run)]
        for start in range(0, len(changed), TRANSACTION):
            part = changed[start : start + TRANSACTION]
            for run in await self._ledger.observe(part, now=self._clock.now()):
                log.info(
                    "run ended",
                    action="run_ended",
                    run_id=run.run_id,
                    trainingjob_id=run.job_id,
                    state=run.state.value,
                )

    async def _note_contradictions(self, ended: Sequence[Run]) -> None:
        """Ends of runs whose end the ledger has already; each is compared once."""
        fresh = [run for run in ended if self._noted.get(run.run_id) != run.state]
        self._noted = {run.run_id: run.state for run in ended}
        known = await self._ledger.known_ends([run.run_id for run in fresh]) if fresh else {}
        other = [run for run in fresh if run.run_id in known and end_of(run.state) is not known[run.run_id]]
        if other:
            await self._ledger.observe([sighting(run) for run in other], now=self._clock.now())
            log.warning("ends contradict the ledger", action="end_contradicted", run_ids=[run.run_id for run in other])

    async def _conclude(self, missing: Sequence[WatchedRun]) -> None:
        """Runs that Kubeflow does not list: when their time is over it is asked for each, a few a round.

        Those asked for longest ago come first. One about which Kubeflow says nothing stays as it is, and hinders
        neither the watch of the others nor the notice of their ends.
        """
        overdue = [run for run in missing if self._absences.is_over(run.run_id, run.state)]
        for run in sorted(overdue, key=lambda one: self._asked_for.get(one.run_id, 0))[:FEW]:
            self._asked_for[run.run_id] = self._rounds
            try:
                async with asyncio.timeout(LONE_SECONDS):
                    found = await self._runs.get(run.run_id)
            except KubeflowNotFound:
                await self._give_up(run)
            except (KubeflowError, TimeoutError) as exc:
                self._log_once(run.run_id, "nothing is said of a run", action="run_not_shown", reason=str(exc))
                return
            else:
                await self._record({run.run_id: run}, [found])
                self._absences.found([run.run_id])

    async def _give_up(self, run: WatchedRun) -> None:
        now = self._clock.now()
        try:
            if run.state is RunState.ACTIVE:
                closed = await self._ledger.lose(run.run_id, reason="Kubeflow does not know the run any more", now=now)
            else:
                reason = "the call that was to start the run had no known outcome, and Kubeflow does not have the run"
                closed = await self._ledger.close_intention(
                    run.run_id, RunState.NOT_STARTED, reason=reason, is_told=True, now=now
                )
        except TransitionRefused:
            return
        log.warning("run given up", action="run_given_up", run_id=run.run_id, state=closed.state.value)

    async def _repeat_stops(self, runs: Sequence[WatchedRun]) -> None:
        """Terminate what is to be terminated, a few a round, those tried longest ago first."""
        active = [run.run_id for run in runs if run.state is RunState.ACTIVE]
        for run_id in sorted(active, key=lambda one: self._tried_to_stop.get(one, 0))[:FEW]:
            self._tried_to_stop[run_id] = self._rounds
            try:
                await self._runs.terminate(run_id)
            except (KubeflowNotFound, KubeflowConflict):
                continue  # it has ended, or has gone: the next look at it will say so
            except KubeflowError as exc:
                self._log_once(run_id, "a stop has not gone through", action="stop_not_taken", reason=exc.reason)
                return
            await self._ledger.stop_accepted(run_id, now=self._clock.now())

    def _forget_others(self, watched: Mapping[str, WatchedRun]) -> None:
        self._absences.keep(watched)
        self._looked_at = {run_id: number for run_id, number in self._looked_at.items() if run_id in watched}
        self._tried_to_stop = {run_id: number for run_id, number in self._tried_to_stop.items() if run_id in watched}
        self._asked_for = {run_id: number for run_id, number in self._asked_for.items() if run_id in watched}
        self._logged = {about for about in self._logged if about in watched or about == "ends"}

    def _log_once(self, about: str, text: str, **facts: str) -> None:
        """A trouble that lasts is logged when it begins."""
        if about not in self._logged:
            self._logged.add(about)
            log.warning(text, about=about, **facts)

    def _away(self, error: KubeflowError) -> None:
        self._failures += 1
        if self._away_since is None:
            self._away_since = self._clock.now()
            log.warning("Kubeflow cannot be asked; nothing is concluded", action="kubeflow_away", reason=error.reason)

    def _back(self) -> None:
        self._failures = 0
        if self._away_since is not None:
            seconds = (self._clock.now() - self._away_since).total_seconds()
            self._away_since = None
            log.info("Kubeflow answers again", action="kubeflow_back", after_seconds=round(seconds, 1))


def sighting(run: Run) -> Sighting:
    """What the ledger is to know of a run that Kubeflow has shown."""
    return Sighting(
        run_id=run.run_id,
        word=run.state,
        created_at=run.created_at,
        finished_at=run.finished_at,
        reason=run.error_message,
    )


def _is_news(watched: WatchedRun, run: Run) -> bool:
    return watched.state is not RunState.ACTIVE or run.state != watched.kubeflow_state
