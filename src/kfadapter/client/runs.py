"""Runs: `client.runs`."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from kfadapter.client.calls import Call, path, reader
from kfadapter.client.results import Run, StartedRun
from kfadapter.client.transport import AsyncSender, Sender


class StartOptions(TypedDict, total=False):
    """What the start of a run takes: one of `pipeline_id`, `pipeline_name` and `pipeline_spec`, the rest at will."""

    pipeline_id: str
    pipeline_name: str
    version: str
    pipeline_spec: Mapping[str, Any]
    arguments: Mapping[str, Any]
    display_name: str
    description: str
    experiment_id: str
    experiment_name: str
    create_experiment: bool
    pipeline_root: str
    service_account: str


def start_call(
    *,
    pipeline_id: str = "",
    pipeline_name: str = "",
    version: str = "latest",
    pipeline_spec: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    display_name: str = "",
    description: str = "",
    experiment_id: str = "",
    experiment_name: str = "",
    create_experiment: bool = False,
    pipeline_root: str = "",
    service_account: str = "",
) -> Call[StartedRun]:
    """A start."""
    document: dict[str, Any] = {
        "pipeline_id": pipeline_id,
        "pipeline_name": pipeline_name,
        "version": version,
        "arguments": dict(arguments or {}),
        "display_name": display_name,
        "description": description,
        "experiment_id": experiment_id,
        "experiment_name": experiment_name,
        "create_experiment": create_experiment,
        "pipeline_root": pipeline_root,
        "service_account": service_account,
    }
    if pipeline_spec is not None:
        document["pipeline_spec"] = dict(pipeline_spec)
    return Call(method="POST", path=path("runs"), document=document, read=reader(StartedRun))


def get_call(run_id: str) -> Call[Run]:
    """A run."""
    return Call(method="GET", path=path("runs", run_id), read=reader(Run))


class Runs:
    """Runs. Raises as `Pipelines`."""

    def __init__(self, send: Sender) -> None:
        self._send = send

    def start(self, **wanted: Unpack[StartOptions]) -> StartedRun:
        """Start a run: `pipeline_id`, `pipeline_name` or `pipeline_spec`; `version`, `arguments`, `display_name`,
        `description`, `experiment_id` or `experiment_name`, `create_experiment`, `pipeline_root`, `service_account`.
        """
        return self._send(start_call(**wanted))

    def get(self, run_id: str) -> Run:
        """A run as it is now."""
        return self._send(get_call(run_id))


class AsyncRuns:
    """The same as `Runs`, to be awaited."""

    def __init__(self, send: AsyncSender) -> None:
        self._send = send

    async def start(self, **wanted: Unpack[StartOptions]) -> StartedRun:
        """As `Runs.start`."""
        return await self._send(start_call(**wanted))

    async def get(self, run_id: str) -> Run:
        """As `Runs.get`."""
        return await self._send(get_call(run_id))
