"""How long runs have been missing, counting only time in which Kubeflow answered."""

from collections.abc import Container, Iterable
from datetime import datetime

from kfadapter.training.states import RunState

# A gap between two answers that is longer than this (a suspended machine) counts as this much.
LONGEST_GAP_SECONDS = 30.0


class Absences:
    """Since when each missing run has been missing, on a clock that stands still while Kubeflow is silent.

    Args:
        lost_after_seconds: For runs that Kubeflow once had.
        lookup_seconds: For runs that may never have come to be.
    """

    def __init__(self, *, lost_after_seconds: float, lookup_seconds: float) -> None:
        self._limits = {RunState.ACTIVE: lost_after_seconds}
        self._lookup_seconds = lookup_seconds
        self._heard_seconds = 0.0
        self._last_heard: datetime | None = None
        self._missing_since: dict[str, float] = {}

    def heard(self, now: datetime) -> None:
        """Kubeflow has answered."""
        if self._last_heard is not None:
            gap = (now - self._last_heard).total_seconds()
            self._heard_seconds += min(max(gap, 0.0), LONGEST_GAP_SECONDS)
        self._last_heard = now

    def silence(self) -> None:
        """Kubeflow has not answered: the time up to its next answer does not count."""
        self._last_heard = None

    def found(self, run_ids: Iterable[str]) -> None:
        """These are there."""
        for run_id in run_ids:
            self._missing_since.pop(run_id, None)

    def keep(self, run_ids: Container[str]) -> None:
        """Only these are of interest still."""
        self._missing_since = {key: since for key, since in self._missing_since.items() if key in run_ids}

    def is_over(self, run_id: str, state: RunState) -> bool:
        """A run that is missing now: whether it has been for its time."""
        since = self._missing_since.setdefault(run_id, self._heard_seconds)
        return self._heard_seconds - since >= self._limits.get(state, self._lookup_seconds)
