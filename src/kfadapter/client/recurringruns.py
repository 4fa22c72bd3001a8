"""Recurring runs: `client.recurring_runs`."""

from collections.abc import Mapping
from typing import Any, Required, TypedDict, Unpack

from kfadapter.client.calls import Call, nothing, path, reader
from kfadapter.client.pages import page_reader
from kfadapter.client.results import Page
from kfadapter.client.runresults import FireTimes, RecurringRun
from kfadapter.client.transport import AsyncSender, Sender

COLLECTION = "recurring-runs"


class RecurringChanges(TypedDict, total=False):
    """What a change takes; `cron` or `interval_seconds` is the schedule, with `start` and `end` (RFC 3339)."""

    name: str
    description: str
    cron: str
    interval_seconds: int
    start: str
    end: str
    version: str
    arguments: Mapping[str, Any]
    max_concurrency: int
    catchup: bool
    enabled: bool


class NewRecurringRun(RecurringChanges, total=False):
    """What a new one takes."""

    pipeline: Required[str]
    experiment: str
    create_experiment: bool


def create_call(**wanted: Unpack[NewRecurringRun]) -> Call[RecurringRun]:
    """A new one."""
    return Call(method="POST", path=path(COLLECTION), document=_document(wanted), read=reader(RecurringRun))


def list_call(*, pipeline: str, name: str, text: str, page_size: int, page_token: str) -> Call[Page[RecurringRun]]:
    """A page."""
    params = {"pipeline": pipeline, "name": name, "text": text, "page_size": page_size, "page_token": page_token}
    read = page_reader("recurring_runs", RecurringRun)
    return Call(method="GET", path=path(COLLECTION), params=params, read=read)


def get_call(recurring_run_id: str) -> Call[RecurringRun]:
    """One."""
    return Call(method="GET", path=path(COLLECTION, recurring_run_id), read=reader(RecurringRun))


def by_name_call(name: str) -> Call[RecurringRun]:
    """One by its name."""
    return Call(method="GET", path=path(COLLECTION, "by-name", name), read=reader(RecurringRun))


def change_call(recurring_run_id: str, **changes: Unpack[RecurringChanges]) -> Call[RecurringRun]:
    """A change."""
    target = path(COLLECTION, recurring_run_id)
    return Call(method="PATCH", path=target, document=_document(changes), read=reader(RecurringRun))


def switch_call(recurring_run_id: str, action: str) -> Call[RecurringRun]:
    """`enable` or `disable`."""
    return Call(method="POST", path=path(COLLECTION, f"{recurring_run_id}:{action}"), read=reader(RecurringRun))


def delete_call(recurring_run_id: str) -> Call[None]:
    """A deletion."""
    return Call(method="DELETE", path=path(COLLECTION, recurring_run_id), read=nothing)


def fire_times_call(recurring_run_id: str, count: int) -> Call[FireTimes]:
    """The next moments."""
    target = path(COLLECTION, recurring_run_id, "fire-times")
    return Call(method="GET", path=target, params={"count": count}, read=reader(FireTimes))


def _document(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule's parts belong together in the body."""
    schedule = {key: wanted[key] for key in ("cron", "interval_seconds", "start", "end") if key in wanted}
    rest = {key: value for key, value in wanted.items() if key not in schedule}
    return {**rest, "schedule": schedule} if schedule else rest


class RecurringRuns:
    """Recurring runs. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def list(
        self, *, pipeline: str = "", name: str = "", text: str = "", page_size: int = 50, page_token: str = ""
    ) -> Page[RecurringRun]:
        """One page; those of a `pipeline` (id or name) are all in it."""
        return self._send(
            list_call(pipeline=pipeline, name=name, text=text, page_size=page_size, page_token=page_token)
        )

    def create(self, **wanted: Unpack[NewRecurringRun]) -> RecurringRun:
        """Make one: `name`, `pipeline`, `cron` or `interval_seconds`; `version`, `arguments`, …"""
        return self._send(create_call(**wanted))

    def get(self, recurring_run_id: str) -> RecurringRun:
        """The one with this id, or what has taken its place."""
        return self._send(get_call(recurring_run_id))

    def by_name(self, name: str) -> RecurringRun:
        """The one with this name."""
        return self._send(by_name_call(name))

    def change(self, recurring_run_id: str, **changes: Unpack[RecurringChanges]) -> RecurringRun:
        """Change one in place; the answer has the id of what stands there now."""
        return self._send(change_call(recurring_run_id, **changes))

    def enable(self, recurring_run_id: str) -> RecurringRun:
        """Switch one on."""
        return self._send(switch_call(recurring_run_id, "enable"))

    def disable(self, recurring_run_id: str) -> RecurringRun:
        """Switch one off."""
        return self._send(switch_call(recurring_run_id, "disable"))

    def delete(self, recurring_run_id: str) -> None:
        """Delete one; its runs stay."""
        self._send(delete_call(recurring_run_id))

    def fire_times(self, recurring_run_id: str, count: int = 10) -> FireTimes:
        """When runs are due next."""
        return self._send(fire_times_call(recurring_run_id, count))


class AsyncRecurringRuns:
    """The same as `RecurringRuns`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def list(
        self, *, pipeline: str = "", name: str = "", text: str = "", page_size: int = 50, page_token: str = ""
    ) -> Page[RecurringRun]:
        """As `RecurringRuns.list`."""
        return await self._send(
            list_call(pipeline=pipeline, name=name, text=text, page_size=page_size, page_token=page_token)
        )

    async def create(self, **wanted: Unpack[NewRecurringRun]) -> RecurringRun:
        """As `RecurringRuns.create`."""
        return await self._send(create_call(**wanted))

    async def get(self, recurring_run_id: str) -> RecurringRun:
        """As `RecurringRuns.get`."""
        return await self._send(get_call(recurring_run_id))

    async def by_name(self, name: str) -> RecurringRun:
        """As `RecurringRuns.by_name`."""
        return await self._send(by_name_call(name))

    async def change(self, recurring_run_id: str, **changes: Unpack[RecurringChanges]) -> RecurringRun:
        """As `RecurringRuns.change`."""
        return await self._send(change_call(recurring_run_id, **changes))

    async def enable(self, recurring_run_id: str) -> RecurringRun:
        """As `RecurringRuns.enable`."""
        return await self._send(switch_call(recurring_run_id, "enable"))

    async def disable(self, recurring_run_id: str) -> RecurringRun:
        """As `RecurringRuns.disable`."""
        return await self._send(switch_call(recurring_run_id, "disable"))

    async def delete(self, recurring_run_id: str) -> None:
        """As `RecurringRuns.delete`."""
        await self._send(delete_call(recurring_run_id))

    async def fire_times(self, recurring_run_id: str, count: int = 10) -> FireTimes:
        """As `RecurringRuns.fire_times`."""
        return await self._send(fire_times_call(recurring_run_id, count))
