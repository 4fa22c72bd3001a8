"""Runs from their order to their end: what the routes ask for, done in the store and by the supervisor.

The store knows first and the supervisor acts second, so that whatever is interrupted in between is put right at the
next start (`recover`).
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import orjson
import structlog

from kfadapter.clock import Clock
from kfadapter.engine.protocol.arguments import check_arguments
from kfadapter.engine.protocol.faults import ApiError, Code, bad_request, invalid, layered, taken_for_internal
from kfadapter.engine.protocol.scheduled import run_name, with_times
from kfadapter.engine.protocol.templates import Template, stored_template
from kfadapter.engine.running.abilities import Abilities
from kfadapter.engine.running.findings import Finding, refused
from kfadapter.engine.running.preflight import preflight
from kfadapter.engine.running.run_order import RunOrder
from kfadapter.engine.store.database import Store
from kfadapter.engine.store.manifests import Manifest, fetch_manifest, resolve_experiment
from kfadapter.engine.store.runs import (
    CANCELING,
    NewRun,
    StoredRun,
    active_runs,
    cancel_run,
    check_deletable,
    delete_run,
    fail_run,
    get_full_run,
    get_run,
    insert_run,
    refuse_run,
    revive_run,
    stored_run,
)
from kfadapter.engine.store.schedules import DueRun, fire
from kfadapter.errors import EngineError

SERVICE_ACCOUNT = "pipeline-runner"
REFUSED_AFTER_SECONDS = 1.0
"""A run that is refused is PENDING for so long, like every run at its beginning: clients of KFP count on finding a run
that they have just made PENDING or RUNNING."""
RUN_FILE = "run.json"
WORKFLOW = "the pipeline is an Argo workflow of Kubeflow Pipelines v1, which cannot be run here"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_logger = structlog.get_logger(__name__)


class Supervising(Protocol):
    """What runs need of the supervisor; `running.supervisor.Supervisor` says what each call promises and raises."""

    async def submit(self, order: RunOrder) -> None: ...

    async def terminate(self, run_id: str) -> None: ...

    async def retry(self, order: RunOrder) -> None: ...

    async def forget(self, run_id: str) -> None: ...

    async def adopt(self, run_ids: list[str]) -> None: ...

    async def prepare(self, pipeline_spec: Mapping[str, Any]) -> None: ...


class Runs:
    """The life of runs.

    Args:
        runs_dir: Where the supervisor keeps the runs' directories.
        abilities: What pipelines may ask for.
    """

    def __init__(
        self, store: Store, supervisor: Supervising, clock: Clock, runs_dir: Path, abilities: Abilities
    ) -> None:
        self._store = store
        self._abilities = abilities
        self._supervisor = supervisor
        self._clock = clock
        self._runs_dir = runs_dir
        self._refusals: set[asyncio.Task[None]] = set()

    async def create(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Store a run and hand it on. One that the engine cannot honour ends as soon as it has been seen PENDING.

        Raises:
            ApiError: The request is refused, and nothing was stored.
        """
        if message.get("plugins_output"):
            reason = "plugins_output is server-owned and populated exclusively via plugin lifecycle hooks"
            raise bad_request(reason, "plugins_output must not be set by the client")
        _check_message(message)
        with layered("Failed to create a new run"):
            new = await self._resolve(message)
            shown = await self._store.write(insert_run, replace(new, refusal=None))
        if new.refusal is not None:
            self._refuse_soon(new)
        elif new.template is not None:
            await self._start(_order(new, new.template))
        return shown

    async def start_due(self, due: DueRun) -> bool:
        """Start the run of a recurring run's slot. When its pipeline cannot be had any more, or no longer takes its
        arguments, the run ends at once with that reason.

        Returns:
            False when the slot is not to be had any more: another start was quicker, or it was switched off.
        """
        new = await self._scheduled(due)
        if not await self._store.write(fire, due, new):
            return False
        _logger.info("run started", action="engine_recurring_run", run_id=new.run_id, slot=due.slot)
        if new.template is not None and new.refusal is None:
            await self._start(_order(new, new.template))
        return True

    async def get(self, run_id: str, *, full: bool) -> dict[str, Any]:
        """A run; with `full`, every field of its tasks.

        Raises:
            ApiError: There is none.
        """
        return await self._store.read(get_full_run if full else get_run, run_id)

    async def terminate(self, run_id: str) -> None:
        """End a run.

        Raises:
            ApiError: There is no such run, or it has ended.
        """
        with layered(
            f"Failed to terminate run {run_id} due to error fetching the run", f"Failed to fetch run {run_id}"
        ):
            await self._store.read(stored_run, run_id)
        with layered(f"Failed to terminate run {run_id}"):
            await self._store.write(cancel_run, run_id, self._now())
        await self._supervisor.terminate(run_id)

    async def retry(self, run_id: str) -> None:
        """Run again what failed.

        Raises:
            ApiError: There is no such run, it did not fail, or it cannot run at all.
        """
        with layered(f"Failed to retry run {run_id} due to error fetching the run", f"Failed to fetch run {run_id}"):
            stored = await self._store.read(stored_run, run_id)
        with layered(f"Failed to retry run {run_id}"):
            template = stored_template(orjson.loads(stored.document))
            if refusal := await asyncio.to_thread(self._refusal, template):
                raise bad_request("Workflow cannot be retried", str(refusal["message"]))
            await self._store.write(revive_run, run_id, self._now())
        await self._start(_stored_order(stored, template), again=True)

    async def delete(self, run_id: str) -> None:
        """Remove a run with its files; one that is still running is ended first.

        Raises:
            ApiError: There is no such run.
        """
        await self._check_deletable(run_id)
        await self._supervisor.forget(run_id)
        await self._store.write(delete_run, run_id)

    async def prepare(self, template: Template) -> None:
        """Have the environments of an uploaded pipeline made ready; the upload stands whatever comes of it."""
        if template.is_workflow:
            return
        try:
            await self._supervisor.prepare(template.pipeline_spec)
        except (EngineError, OSError) as exc:
            _logger.warning("environments not prepared", action="engine_prepare_failed", error=str(exc))

    def preflight(self, template: Template) -> tuple[Finding, ...]:
        """What of a pipeline would not be honoured. Looks into directories, so it belongs into a thread."""
        if template.is_workflow:
            return (refused("", "Argo workflow", WORKFLOW),)
        return preflight(template.pipeline_spec, template.platform_spec, self._abilities)

    async def recover(self) -> None:
        """After a start: take over what is running, start what was never handed on, end what was to end."""
        stored = await self._store.read(active_runs)
        begun = [run for run in stored if (self._runs_dir / run.run_id / RUN_FILE).exists()]
        await self._supervisor.adopt([run.run_id for run in begun])
        for run in begun:
            if run.state == CANCELING:
                await self._supervisor.terminate(run.run_id)
        for run in stored:
            if run not in begun:
                await self._begin(run)

    async def stop(self) -> None:
        """Leave everything as it is; the next start ends what is still to be refused."""
        for task in self._refusals:
            task.cancel()
        await asyncio.gather(*self._refusals, return_exceptions=True)

    def _refuse_soon(self, new: NewRun) -> None:
        task = asyncio.create_task(self._refuse(new), name=f"refuse {new.run_id}")
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    async def _refuse(self, new: NewRun) -> None:
        while True:
            await self._clock.sleep(REFUSED_AFTER_SECONDS)
            try:
                await self._store.write(refuse_run, new.run_id, new.refusal, self._now())
            except ApiError as exc:  # a full disk may have room again
                _logger.error("run not ended", action="engine_run_not_refused", run_id=new.run_id, error=exc.message)
            else:
                return

    async def _resolve(self, message: Mapping[str, Any]) -> NewRun:
        now = self._now()
        with layered("Failed to create a run due to invalid experimentId and namespace combination"):
            given = message.get("experiment_id", "")
            # Only the default experiment may have to be made.
            resolve = self._store.read if given else self._store.write
            experiment_id = await resolve(resolve_experiment, given, now)
        with taken_for_internal("Failed to create a run due to error fetching manifest"):
            manifest = await self._store.read(fetch_manifest, message)
        with layered("Failed to generate the ExecutionSpec"):
            _check_runnable(manifest.template)
            with layered("invalid pipeline job inputs"):
                arguments = message.get("runtime_config", {}).get("parameters", {})
                check_arguments(manifest.template.pipeline_spec, arguments)
        refusal = await asyncio.to_thread(self._refusal, manifest.template)
        return replace(_new_run(message, manifest, experiment_id, now), refusal=refusal)

    def _refusal(self, template: Template) -> dict[str, Any] | None:
        reasons = [finding.sentence for finding in self.preflight(template) if finding.severity == "refused"]
        return {"code": int(Code.UNIMPLEMENTED), "message": "; ".join(reasons)} if reasons else None

    async def _scheduled(self, due: DueRun) -> NewRun:
        run_id, now = str(uuid4()), self._now()
        config = due.message["runtime_config"]
        given = config.get("parameters", {})
        arguments = with_times(given, scheduled_at=due.slot, now=now, index=due.index, run_id=run_id)
        message = {
            **due.message,
            "run_id": run_id,
            "display_name": run_name(due.display_name, due.recurring_run_id, due.index),
            "runtime_config": {**config, "parameters": arguments},
        }
        try:
            new = await self._resolve(message)
        except ApiError as exc:
            new = _unresolved(message, now, exc)
        return replace(new, recurring_run_id=due.recurring_run_id, scheduled_at=due.slot)

    async def _start(self, order: RunOrder, *, again: bool = False) -> None:
        """Hand a run on; one that cannot even be handed on (a full disk) ends with that reason."""
        try:
            await (self._supervisor.retry(order) if again else self._supervisor.submit(order))
        except (EngineError, OSError) as exc:
            _logger.warning("run not started", action="engine_run_not_started", run_id=order.run_id, error=str(exc))
            await self._end(order.run_id, Code.INTERNAL, f"the run could not be started: {exc}")

    async def _begin(self, run: StoredRun) -> None:
        """Start a run that was stored and never handed on."""
        if run.state == CANCELING:
            await self._end(run.run_id, Code.UNKNOWN, "terminated before it began")
        elif not run.document:
            await self._end(run.run_id, Code.INTERNAL, "its pipeline is missing")
        else:
            template = stored_template(orjson.loads(run.document))
            if refusal := await asyncio.to_thread(self._refusal, template):
                await self._store.write(refuse_run, run.run_id, refusal, self._now())
            else:
                await self._start(_stored_order(run, template))

    async def _end(self, run_id: str, code: Code, reason: str) -> None:
        await self._store.write(fail_run, run_id, {"code": int(code), "message": reason}, self._now())

    async def _check_deletable(self, run_id: str) -> None:
        try:
            await self._store.read(check_deletable, run_id)
        except ApiError as exc:
            if exc.detail == f"Run {run_id} not found":
                raise exc.within(
                    f"Failed to delete run {run_id} as it does not exist", f"Failed to fetch run {run_id}"
                ) from exc
            experiment_id = exc.detail.split(" ")[1] if exc.code is Code.NOT_FOUND else ""
            raise exc.within(
                f"Failed to delete a run {run_id} due to namespace fetching error",
                f"Failed to fetch namespace from experiment {experiment_id}",
            ) from exc

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _check_message(message: Mapping[str, Any]) -> None:
    converting = "Failed to convert a API run detail to its internal representation"
    if not message.get("display_name"):
        refused = invalid("Run name cannot be empty").as_internal(converting)
        raise refused.within("CreateJob(job.ToV2())Failed to create a run due to conversion error")


def _check_runnable(template: Template) -> None:
    if template.is_workflow:
        raise invalid(WORKFLOW)


def _new_run(message: Mapping[str, Any], manifest: Manifest, experiment_id: str, now: int) -> NewRun:
    config = message.get("runtime_config", {})
    storage_state = message.get("storage_state", "")
    return NewRun(
        run_id=_run_id(message.get("run_id", "")),
        display_name=message["display_name"],
        description=message.get("description", ""),
        experiment_id=experiment_id,
        pipeline_id=manifest.pipeline_id,
        pipeline_version_id=manifest.pipeline_version_id,
        template=manifest.template,
        service_account=message.get("service_account") or SERVICE_ACCOUNT,
        storage_state="ARCHIVED" if storage_state == "ARCHIVED" else "AVAILABLE",
        created_at=now,
        finished_at=message.get("finished_at", 0),
        runtime_config={name: value for name, value in config.items() if value},
        plugins_input=message.get("plugins_input", {}),
    )


def _run_id(given: str) -> str:
    """The caller's id, or a new one. It names a directory, so it must be a UUID."""
    if not given:
        return str(uuid4())
    if not _UUID.fullmatch(given):
        raise invalid(f'run_id "{given}" is not a UUID')
    return given


def _unresolved(message: Mapping[str, Any], now: int, reason: ApiError) -> NewRun:
    """A run that is due and cannot be: kept, so that its reason is seen."""
    reference = message.get("pipeline_version_reference", {})
    return NewRun(
        run_id=message["run_id"],
        display_name=message["display_name"],
        experiment_id=message["experiment_id"],
        pipeline_id=reference.get("pipeline_id", ""),
        pipeline_version_id=reference.get("pipeline_version_id", ""),
        template=None,
        service_account=message["service_account"] or SERVICE_ACCOUNT,
        created_at=now,
        runtime_config={name: value for name, value in message["runtime_config"].items() if value},
        refusal={"code": int(reason.code), "message": reason.message},
    )


def _order(new: NewRun, template: Template) -> RunOrder:
    return RunOrder(
        run_id=new.run_id,
        display_name=new.display_name,
        pipeline_name=template.name,
        pipeline_spec=template.pipeline_spec,
        platform_spec=template.platform_spec,
        parameters=new.runtime_config.get("parameters", {}),
        pipeline_root=new.runtime_config.get("pipeline_root", ""),
        created_at=datetime.fromtimestamp(new.created_at, UTC),
        pipeline_id=new.pipeline_id,
    )


def _stored_order(stored: StoredRun, template: Template) -> RunOrder:
    return RunOrder(
        run_id=stored.run_id,
        display_name=stored.display_name,
        pipeline_name=template.name,
        pipeline_spec=template.pipeline_spec,
        platform_spec=template.platform_spec,
        parameters=stored.parameters,
        pipeline_root=stored.pipeline_root,
        created_at=datetime.fromtimestamp(stored.created_at, UTC),
        pipeline_id=stored.pipeline_id,
    )
