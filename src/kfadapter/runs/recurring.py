"""Recurring runs as people ask for them: by names, with arguments that fit, and changed in place.

Kubeflow cannot change a recurring run. A change makes a new one under the same name, switched off, then removes the
old one and switches the new one on: at no moment do both start runs. The steps are written down, so that a change
that is cut off is finished, or undone, later. The old id leads to the new one from then on.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import (
    KubeflowConflict,
    KubeflowError,
    KubeflowForbidden,
    KubeflowInvalid,
    KubeflowNotFound,
    KubeflowUnavailable,
    NameAmbiguous,
    NameNotFound,
)
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.recurringruns import NewRecurringRun, RecurringRun, Schedule
from kfadapter.kubeflow.resources import mapping, text
from kfadapter.runs import store_recurring
from kfadapter.runs.firetimes import check_schedule
from kfadapter.runs.starting import Starter, StartWish, fit
from kfadapter.runs.store_recurring import ChangeState, RecurringChange

KIND = "recurring run"
# Servers before follow no newest version: they are given the one of today.
FOLLOWS_LATEST_SINCE = (2, 5)
REFUSALS = (KubeflowInvalid, KubeflowNotFound, KubeflowForbidden, KubeflowConflict)
# A change that is older is nobody's at work any more.
AT_WORK_SECONDS = 60.0
# Kubeflow keeps whole seconds, and its clock may be a little behind.
SKEW = timedelta(seconds=5)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RecurringWish:
    """A recurring run that somebody wants.

    Attributes:
        version: Name or id; `latest`: each run takes the newest one, where the server can.
        start: What is to be started: see `StartWish`; its name and labels are not used.
    """

    name: str
    schedule: Schedule
    start: StartWish
    max_concurrency: int = 1
    is_catching_up: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class RecurringPatch:
    """What is to be different; None stays.

    Attributes:
        arguments: Single ones; null takes one away.
    """

    name: str | None = None
    description: str | None = None
    schedule: Schedule | None = None
    version: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    max_concurrency: int | None = None
    is_catching_up: bool | None = None
    is_enabled: bool | None = None

    @property
    def only_switches(self) -> bool:
        """Kubeflow can do this without a new one."""
        rest = (self.name, self.description, self.schedule, self.version, self.max_concurrency, self.is_catching_up)
        return not self.arguments and all(one is None for one in rest)


class Recurring:
    """Makes, reads and changes recurring runs."""

    def __init__(self, kubeflow: Kubeflow, database: Transactions, starter: Starter, clock: Clock) -> None:
        self._runs = kubeflow.recurring_runs
        self._kubeflow = kubeflow
        self._database = database
        self._starter = starter
        self._clock = clock

    async def create(self, wish: RecurringWish) -> RecurringRun:
        """Make one.

        Raises:
            QueryRefused: The schedule cannot be followed.
            KubeflowConflict: There is one with this name: here names are unique, or nobody could name one.
            ArgumentsError, NameNotFound, PackageError: As for starting a run.
            KubeflowError: Refused, or not known; then it can be looked up by its name.
        """
        check_schedule(wish.schedule)
        if await self._named(wish.name):
            raise KubeflowConflict(f"there is a recurring run named {wish.name} already")
        source = await self._starter.source(wish.start)
        fitted = fit(source.parameters, wish.start.arguments)
        return await self._made(
            NewRecurringRun(
                display_name=wish.name,
                schedule=wish.schedule,
                description=wish.start.description,
                experiment_id=await self._starter.experiment_id(wish.start),
                pipeline_id=source.pipeline_id,
                pipeline_version_id=await self._version_id(wish.start.version, source.version_id),
                pipeline_spec=source.pipeline_spec,
                parameters=fitted.passed,
                pipeline_root=wish.start.pipeline_root,
                service_account=wish.start.service_account,
                max_concurrency=wish.max_concurrency,
                is_catching_up=wish.is_catching_up,
                is_enabled=wish.is_enabled,
            )
        )

    async def get(self, recurring_run_id: str) -> RecurringRun:
        """The one with this id, or what has taken its place; raises KubeflowNotFound."""
        return await self._runs.get(await self._newest(recurring_run_id))

    async def named(self, name: str) -> RecurringRun:
        """The one with this name.

        Raises:
            NameNotFound: There is none, or there are several.
        """
        found = await self._named(name)
        if len(found) > 1:
            raise NameAmbiguous(KIND, name, [one.recurring_run_id for one in found])
        if not found:
            raise NameNotFound(KIND, name)
        return found[0]

    async def shown(self, found: tuple[RecurringRun, ...]) -> list[RecurringRun]:
        """Those of a page that stand: one whose successor is there already is not shown beside it."""
        ids = [one.recurring_run_id for one in found]
        replaced = await self._database.read(store_recurring.replaced, ids) if ids else {}
        return [one for one in found if one.recurring_run_id not in replaced]

    async def switch(self, recurring_run_id: str, *, on: bool) -> RecurringRun:
        """Switch one on or off; raises KubeflowNotFound."""
        newest = await self._settled(recurring_run_id)
        await (self._runs.enable(newest) if on else self._runs.disable(newest))
        return await self._runs.get(newest)

    async def delete(self, recurring_run_id: str) -> None:
        """Delete one; its runs stay. Raises KubeflowNotFound."""
        newest = await self._settled(recurring_run_id)
        await self._runs.get(newest)  # some versions of KFP say yes to ids they do not know
        await self._runs.delete(newest)

    async def change(self, recurring_run_id: str, patch: RecurringPatch) -> RecurringRun:
        """Change one in place; the answer has the id of the one that stands in its place.

        Raises:
            QueryRefused, ArgumentsError: What is wanted cannot be; nothing has changed.
            KubeflowNotFound: There is none.
            KubeflowError: Refused or away: the old one goes on as it was, or the change is finished later.
        """
        old = await self._runs.get(await self._settled(recurring_run_id))
        if patch.only_switches:
            return old if patch.is_enabled is None else await self.switch(old.recurring_run_id, on=patch.is_enabled)
        new = await self._changed(old, patch)
        enable = old.is_enabled if patch.is_enabled is None else patch.is_enabled
        change = RecurringChange(
            change_id=str(uuid.uuid4()),
            old_id=old.recurring_run_id,
            new_id=None,
            name=new.display_name,
            request={"was_enabled": old.is_enabled, "enable": enable},
            state=ChangeState.BEGUN,
            begun_at=self._clock.now(),
        )
        await self._database.write(store_recurring.begin, change)
        try:
            made = await self._made(replace(new, is_enabled=False), since=change.begun_at, other_than=change.old_id)
        except REFUSALS as exc:
            await self._end(change, ChangeState.UNDONE, exc.reason)
            raise
        await self._database.write(store_recurring.made, change.change_id, made.recurring_run_id)
        await self._finish(replace(change, new_id=made.recurring_run_id, state=ChangeState.MADE))
        return await self._runs.get(made.recurring_run_id)

    async def recover(self, *, left_for_seconds: float = AT_WORK_SECONDS) -> None:
        """Finish, or undo, changes that were left in the middle.

        Args:
            left_for_seconds: Changes that are younger are somebody's at work.

        Raises:
            KubeflowError: Kubeflow is away; later, then.
        """
        begun_before = self._clock.now() - timedelta(seconds=left_for_seconds)
        for change in await self._database.read(store_recurring.unfinished, begun_before):
            if change.new_id is None:
                found = await self._lost(change.name, change.begun_at, change.old_id)
                if found is None:
                    await self._end(change, ChangeState.UNDONE, "the new one was never made")
                    continue
                await self._database.write(store_recurring.made, change.change_id, found.recurring_run_id)
                change = replace(change, new_id=found.recurring_run_id)
            await self._finish(change)

    async def _finish(self, change: RecurringChange) -> None:
        """The old one goes before the new one begins: never both."""
        assert change.new_id is not None  # noqa: S101 - the caller has it
        try:
            await self._runs.delete(change.old_id)
        except KubeflowNotFound:
            log.info("the old one had gone", action="recurring_replaced", recurring_run_id=change.old_id)
        if change.request["enable"]:
            try:
                await self._runs.enable(change.new_id)
            except KubeflowNotFound:
                log.info("the new one has gone", action="recurring_gone", recurring_run_id=change.new_id)
        await self._end(change, ChangeState.DONE, "")
        log.info("recurring run changed", action="recurring_changed", old=change.old_id, new=change.new_id)

    async def _end(self, change: RecurringChange, state: ChangeState, reason: str) -> None:
        await self._database.write(store_recurring.end, change.change_id, state, reason, self._clock.now())

    async def _changed(self, old: RecurringRun, patch: RecurringPatch) -> NewRecurringRun:
        config = mapping(old.raw.get("runtime_config"))
        inline = mapping(old.raw.get("pipeline_spec")) if not old.pipeline_id else {}
        schedule = patch.schedule or old.schedule
        check_schedule(schedule)
        if patch.name and patch.name != old.display_name and await self._named(patch.name):
            raise KubeflowConflict(f"there is a recurring run named {patch.name} already")
        wanted = patch.version or old.pipeline_version_id or "latest"
        source = await self._starter.source(
            StartWish(pipeline=old.pipeline_id or "", version=wanted, pipeline_spec=inline or None)
        )
        fitted = fit(source.parameters, patch.arguments, old.parameters)
        return NewRecurringRun(
            display_name=patch.name or old.display_name,
            schedule=schedule,
            description=old.description if patch.description is None else patch.description,
            experiment_id=old.experiment_id,
            pipeline_id=source.pipeline_id,
            pipeline_version_id=await self._version_id(wanted, source.version_id),
            pipeline_spec=source.pipeline_spec,
            parameters=fitted.passed,
            pipeline_root=text(config, "pipeline_root"),
            service_account=text(old.raw, "service_account"),
            max_concurrency=old.max_concurrency if patch.max_concurrency is None else patch.max_concurrency,
            is_catching_up=old.is_catching_up if patch.is_catching_up is None else patch.is_catching_up,
        )

    async def _version_id(self, wanted: str, version_id: str) -> str:
        """Empty where each run takes the newest version."""
        if wanted not in ("", "latest"):
            return version_id
        info = await self._kubeflow.server()
        can_follow = info.is_embedded or info.release is None or info.release >= FOLLOWS_LATEST_SINCE
        return "" if can_follow else version_id

    async def _made(self, new: NewRecurringRun, since: datetime | None = None, other_than: str = "") -> RecurringRun:
        """Make it; when the answer is lost, find it by its name."""
        since = since or self._clock.now()
        try:
            return await self._runs.create(new)
        except REFUSALS:
            raise
        except KubeflowError as exc:
            if isinstance(exc, KubeflowUnavailable) and exc.never_arrived:
                raise
            found = await self._lost(new.display_name, since, other_than)
            if found is None:
                raise
            return found

    async def _lost(self, name: str, since: datetime, other_than: str) -> RecurringRun | None:
        """The one of this name that came up since then."""
        found = [
            one
            for one in await self._runs.named(name)
            if one.recurring_run_id != other_than and one.created_at is not None and one.created_at >= since - SKEW
        ]
        return max(found, key=lambda one: (one.created_at, one.recurring_run_id), default=None)

    async def _named(self, name: str) -> list[RecurringRun]:
        return await self.shown(tuple(await self._runs.named(name)))

    async def _settled(self, recurring_run_id: str) -> str:
        """The one that stands in this one's place, once the change that made it is finished.

        One that broke off has left it switched off, which is not how it is meant to be.
        """
        newest = await self._newest(recurring_run_id)
        for change in await self._database.read(store_recurring.open_into, newest):
            await self._finish(change)
        return newest

    async def _newest(self, recurring_run_id: str) -> str:
        return await self._database.read(store_recurring.newest, recurring_run_id)
