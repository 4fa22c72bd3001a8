"""What the supervisor is told of a run that it is to bring about; run.json holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kfadapter.engine.running.events import timestamp


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """Everything a run needs.

    Attributes:
        run_id: The run's UUID.
        display_name: The run's name.
        pipeline_name: The pipeline's name (`pipelineInfo.name`).
        pipeline_spec: The IR document.
        platform_spec: The second document, or None.
        parameters: Arguments, already validated against the root's inputs.
        pipeline_root: As the caller gave it; empty: the engine's own.
        created_at: When the run was created; the queue's order.
        pipeline_id: The uploaded pipeline it is a run of; empty for a spec of its own.
    """

    run_id: str
    display_name: str
    pipeline_name: str
    pipeline_spec: Mapping[str, Any]
    platform_spec: Mapping[str, Any] | None
    parameters: Mapping[str, Any]
    pipeline_root: str
    created_at: datetime
    pipeline_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """The order as run.json holds it."""
        return {**vars(self), "created_at": timestamp(self.created_at)}
