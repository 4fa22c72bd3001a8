"""Starting runs: the intention is written first, and the create call is sent exactly once.

Kubeflow takes the run's id from the caller, and starts the workflow before it stores the run. A second create would
start a second workflow, so an outcome that is not known is never tried again: the run is looked up by its id. Here
that happens for as long as the caller waits; afterwards, and after a crash, the watcher goes on with it.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import inf
from typing import Protocol

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import (
    DatabaseError,
    KFAdapterError,
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInvalid,
    KubeflowNotFound,
    KubeflowUnavailable,
    LaunchFailed,
    TransitionRefused,
)
from kfadapter.kubeflow.creation import created
from kfadapter.kubeflow.resources import Run
from kfadapter.kubeflow.runs import NewRun
from kfadapter.training.ledger import Ledger
from kfadapter.training.records import ExecutionKey, LaunchRequest, TrainingRun
from kfadapter.training.states import RunState

__all__ = ["LaunchRequest", "Launched", "Launcher", "StartsRuns"]

REFUSALS = (KubeflowInvalid, KubeflowNotFound, KubeflowForbidden)
# A launch is left alone by others for so long; longer than any create call takes.
CLAIM = timedelta(seconds=60)
FIRST_LOOKUP_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# After an error of Kubeflow's own the run shows soon or never; after silence it is waited for as long as possible.
PATIENCE_AFTER_ERROR_SECONDS = 2.0
CLOSE_SECONDS = 5.0
RECOVER_PAUSE_SECONDS = 2.0
# Between the attempts to end a run that came too late.
TERMINATE_PAUSES_SECONDS = (1.0, 5.0, 15.0, 60.0)

log = structlog.get_logger(__name__)


class StartsRuns(Protocol):
    """What launching needs of Kubeflow: `kubeflow.runs.Runs`, whose errors tell what is known of the outcome."""

    async def create(self, new: NewRun) -> Run: ...

    async def get(self, run_id: str) -> Run: ...

    async def terminate(self, run_id: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Launched:
    """A run that Kubeflow has taken.

    Attributes:
        run: As the ledger has it.
        is_joined: True when an equal request had started it and was not answered yet.
    """

    run: TrainingRun
    is_joined: bool = False


class _Flight:
    """One launch under way, and how many callers wait for it."""

    def __init__(self, request: LaunchRequest) -> None:
        self._request = request
        self.waiting = 0
        self.run_id = ""
        self.task: asyncio.Task[Launched] | None = None

    def takes(self, request: LaunchRequest) -> bool:
        """Whether this is the same execution, asked for again; two different keys make two of equal ones."""
        mine = self._request
        is_same_key = mine.key is None or request.key is None or mine.key == request.key
        return mine.digest == request.digest and is_same_key


class Launcher:
    """Starts runs for training jobs.

    Args:
        kubeflow: Kubeflow's runs: where runs are started.
        ledger: Where intentions are written.
        clock: Tells and waits.
        answer_seconds: A caller is answered within this time, even if the outcome is not known yet. Real time.
    """

    def __init__(self, kubeflow: StartsRuns, ledger: Ledger, clock: Clock, *, answer_seconds: float = 8.0) -> None:
        self._runs = kubeflow
        self._ledger = ledger
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._flights: dict[str, _Flight] = {}
        self._tasks: set[asyncio.Task[Launched]] = set()

    async def launch(self, request: LaunchRequest) -> Launched:
        """Start one run, or join the equal launch that is under way or has not been answered.

        The launch goes on when the caller is cancelled or its time is over.

        Raises:
            KubeflowError: Kubeflow refused, or is away: there is no run.
            LaunchFailed: The outcome is not known in time, or there is no run.
            DatabaseError: The intention could not be written; nothing was started.
        """
        flight = self._flights.get(request.job_id)
        if flight is None or not flight.takes(request):
            flight = self._take_off(request)
        assert flight.task is not None  # noqa: S101 - set before anyone can see the flight
        flight.waiting += 1
        try:
            done, _ = await asyncio.wait({flight.task}, timeout=self._answer_seconds)
        finally:
            flight.waiting -= 1
        if done and flight.task.cancelled():
            raise LaunchFailed(flight.run_id, "the service is stopping; the run is looked up at its next start")
        if done:
            return flight.task.result()
        raise LaunchFailed(
            flight.run_id,
            f"Kubeflow has not said within {self._answer_seconds:g} s whether the run was started; it is looked up",
        )

    async def known(self, job_id: str, key: ExecutionKey) -> TrainingRun | None:
        """The run that an earlier execution with this key led to, if Kubeflow has taken it.

        Raises:
            IdempotencyKeyReused: The key came with another request before.
        """
        run = await self._ledger.run_of_key(job_id, key)
        return run if run is not None and run.accepted_at is not None else None

    async def answered(self, run_id: str) -> None:
        """The answer to the execution has been sent. Durable: from here the grace time counts.

        An error of the ledger is logged, not raised: the answer is out, and notifications wait long enough without.
        """
        try:
            await self._ledger.answered(run_id, now=self._clock.now())
        except DatabaseError as exc:
            log.warning("answer not recorded", action="answer_not_recorded", run_id=run_id, reason=str(exc))

    async def recover(self) -> int:
        """At start: take over what a process that ended had claimed. The watcher looks its open launches up.

        Returns:
            How many launches had no outcome.
        """
        found = await self._ledger.take_over(now=self._clock.now())
        if found:
            log.warning("launches without outcome are looked up", action="launches_recovered", count=found)
        return found

    async def run(self) -> None:
        """Recover, then stand by; when cancelled, let launches under way finish for a while."""
        try:
            await self._recover_at_last()
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self, within_seconds: float = CLOSE_SECONDS) -> None:
        """Let launches under way finish for a while; the rest is recovered at the next start."""
        if self._tasks:
            _, pending = await asyncio.wait(set(self._tasks), timeout=within_seconds)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _recover_at_last(self) -> None:
        while True:
            try:
                await self.recover()
            except DatabaseError as exc:
                log.error("ledger cannot be used", action="recover_failed", reason=str(exc))
                await self._clock.sleep(RECOVER_PAUSE_SECONDS)
            else:
                return

    def _take_off(self, request: LaunchRequest) -> _Flight:
        flight = _Flight(request)
        task = asyncio.create_task(self._fly(request, flight), name=f"launch-{request.job_id}")
        flight.task = task
        self._flights[request.job_id] = flight
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._land(request.job_id, flight, done))
        return flight

    def _land(self, job_id: str, flight: _Flight, task: asyncio.Task[Launched]) -> None:
        self._tasks.discard(task)
        if self._flights.get(job_id) is flight:
            del self._flights[job_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning(
                "launch failed",
                action="launch_failed",
                trainingjob_id=job_id,
                run_id=flight.run_id,
                error=type(error).__name__,
                reason=str(error),
                exc_info=None if isinstance(error, KFAdapterError) else error,
            )

    async def _fly(self, request: LaunchRequest, flight: _Flight) -> Launched:
        now = self._clock.now()
        flight.run_id = str(uuid.uuid4())
        intended = await self._ledger.intend(request, run_id=flight.run_id, claimed_until=now + CLAIM, now=now)
        flight.run_id = intended.run.run_id
        if intended.is_joined:
            return Launched(run=await self._settled(intended.run, flight), is_joined=True)
        try:
            run = await created(self._runs, new_run(intended.run), answer_seconds=self._answer_seconds)
        except KubeflowError as exc:
            return await self._not_created(intended.run, flight, exc)
        return Launched(run=await self._accepted(run))

    async def _accepted(self, run: Run) -> TrainingRun:
        try:
            accepted = await self._ledger.accept(
                run.run_id, word=run.state, created_at=run.created_at, now=self._clock.now()
            )
        except TransitionRefused as exc:
            # The lookup had given up before the create call came back: nobody waits for this run.
            log.error("a run came too late and is terminated", action="launch_too_late", run_id=run.run_id)
            await self._end_unwanted(run.run_id)
            raise LaunchFailed(run.run_id, "the run was started after its launch had been given up") from exc
        log.info("run started", action="run_started", run_id=run.run_id, trainingjob_id=accepted.job_id)
        return accepted

    async def _end_unwanted(self, run_id: str) -> None:
        """Terminate a run that no ledger entry is open for: nobody else would."""
        for pause in (*TERMINATE_PAUSES_SECONDS, None):
            try:
                await self._runs.terminate(run_id)
            except (KubeflowNotFound, KubeflowConflict):
                return  # it has ended, or has gone
            except KubeflowError as exc:
                log.error("an unwanted run goes on", action="terminate_failed", run_id=run_id, reason=exc.reason)
            else:
                return
            if pause is not None:
                await self._clock.sleep(pause)

    async def _not_created(self, run: TrainingRun, flight: _Flight, error: KubeflowError) -> Launched:
        if isinstance(error, REFUSALS):
            await self._close(run, flight, RunState.REFUSED, error)
            raise error
        if isinstance(error, KubeflowUnavailable) and error.never_arrived:
            await self._close(run, flight, RunState.NOT_STARTED, error)
            raise error
        if isinstance(error, KubeflowConflict):
            return await self._contested(run, flight, error)
        doubted = await self._ledger.doubt(run.run_id, reason=error.reason, now=self._clock.now())
        patience = PATIENCE_AFTER_ERROR_SECONDS if error.status == HTTPStatus.INTERNAL_SERVER_ERROR else inf
        try:
            return Launched(run=await self._settled(doubted, flight, patience))
        except LaunchFailed as exc:
            raise exc from error

    async def _contested(self, run: TrainingRun, flight: _Flight, error: KubeflowConflict) -> Launched:
        """Kubeflow says it has such a run (something in between sent the call twice), or refused it as a conflict."""
        try:
            return Launched(run=await self._accepted(await self._runs.get(run.run_id)))
        except KubeflowNotFound:
            await self._close(run, flight, RunState.REFUSED, error)
            raise error from None
        except KubeflowError as exc:
            doubted = await self._ledger.doubt(run.run_id, reason=exc.reason, now=self._clock.now())
            return Launched(run=await self._settled(doubted, flight))

    async def _close(self, run: TrainingRun, flight: _Flight, state: RunState, error: KubeflowError) -> None:
        """The caller hears of it by its answer; if it has left, the Training Manager is notified instead."""
        await self._ledger.close_intention(
            run.run_id, state, reason=error.reason, is_told=not flight.waiting, now=self._clock.now()
        )

    async def _settled(self, run: TrainingRun, flight: _Flight, patience_seconds: float = inf) -> TrainingRun:
        """Look an uncertain run up while somebody waits for it; the watcher may be quicker.

        Raises:
            LaunchFailed: Nobody waits any more, or there is no run.
        """
        pause, waited = FIRST_LOOKUP_SECONDS, 0.0
        while run.accepted_at is None:
            if run.state.is_end:
                raise LaunchFailed(run.run_id, run.reason or "Kubeflow does not have the run")
            if not flight.waiting or waited >= patience_seconds:
                raise LaunchFailed(run.run_id, f"{run.reason}; whether the run was started is still looked up")
            if run.state is RunState.UNCERTAIN and (found := await self._found(run.run_id)) is not None:
                return await self._accepted(found)
            await self._clock.sleep(pause)
            waited += pause
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            run = await self._ledger.run(run.run_id) or run
        return run

    async def _found(self, run_id: str) -> Run | None:
        """The run, if Kubeflow shows it. No answer is no news."""
        try:
            return await self._runs.get(run_id)
        except KubeflowError:
            return None


def new_run(run: TrainingRun) -> NewRun:
    """What Kubeflow is asked to start."""
    return NewRun(
        run_id=run.run_id,
        display_name=run.display_name,
        description=f"Training job {run.job_id}",
        experiment_id=run.experiment_id,
        pipeline_id=run.pipeline_id,
        pipeline_version_id=run.pipeline_version_id,
        parameters=run.parameters,
    )
