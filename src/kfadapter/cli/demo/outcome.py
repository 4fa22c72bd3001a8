"""What a run left behind: its metrics and its model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kfadapter.errors import KFAdapterError

METRICS = "system.Metrics"
MODEL = "system.Model"


class NothingCameOut(KFAdapterError):
    """A run has no artifact of a type that it should have."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The artifacts the story is about.

    Attributes:
        metrics: Name and number.
        model: The model's artifact: `name`, `type`, `uri`, `metadata`.
    """

    metrics: dict[str, Any]
    model: dict[str, Any]


def outcome_of(run: dict[str, Any]) -> Outcome:
    """The metrics and the model of a run.

    Raises:
        NothingCameOut: It has none.
    """
    return Outcome(metrics=dict(_artifact(run, METRICS)["metadata"]), model=_artifact(run, MODEL))


def _artifact(run: dict[str, Any], kind: str) -> dict[str, Any]:
    found = next((artifact for artifact in _outputs(run) if artifact["type"] == kind), None)
    if found is None:
        raise NothingCameOut(f"no task of the run made a {kind}")
    return found


def _outputs(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for task in run["tasks"]:
        for artifacts in ((task["outputs"] or {}).get("artifacts") or {}).values():
            yield from artifacts
