"""When a run that goes on is one that somebody should look at. Pure: times and limits in, symptoms out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

# So many ends are needed before a pipeline has a usual time, and nothing shorter than this is ever overdue.
FEWEST_ENDS = 3
SHORTEST_OVERDUE_SECONDS = 60.0
PENDING_WORDS = frozenset({"", "PENDING", "RUNTIME_STATE_UNSPECIFIED"})


class Reason(StrEnum):
    """Why a run is called stuck."""

    PENDING = "pending"  # Kubeflow took it and has not begun it: no room, no image, no node
    IDLE = "no-progress"  # it runs, and none of its tasks has changed its state
    OVERDUE = "overdue"  # it takes much longer than the runs of this pipeline version that succeeded


@dataclass(frozen=True, kw_only=True)
class StuckLimits:
    """When a run is stuck; 0 switches a rule off.

    Attributes:
        pending_seconds: Pending for longer.
        idle_seconds: No task has changed its state for longer.
        overdue_factor: Running for so many times the usual time.
    """

    pending_seconds: float = 900.0
    idle_seconds: float = 0.0
    overdue_factor: float = 3.0

    @property
    def is_off(self) -> bool:
        """Nothing is ever stuck."""
        return not (self.pending_seconds or self.idle_seconds or self.overdue_factor)


@dataclass(frozen=True, kw_only=True)
class GoingRun:
    """A run that Kubeflow has and that has not ended.

    Attributes:
        word: KFP's state.
        since: When Kubeflow took it, by our clock.
        told: The reasons it has been reported for.
    """

    run_id: str
    pipeline_version_id: str
    word: str
    since: datetime
    told: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """Why somebody should look at a run, in a word and in a sentence."""

    reason: Reason
    text: str


def usual_time(durations: Sequence[timedelta]) -> timedelta | None:
    """What a pipeline version's runs usually take; None while too few are known."""
    if len(durations) < FEWEST_ENDS:
        return None
    return timedelta(seconds=median(duration.total_seconds() for duration in durations))


def symptom(
    run: GoingRun, limits: StuckLimits, now: datetime, *, usual: timedelta | None, changed_at: datetime | None
) -> Symptom | None:
    """The first reason that fits and was not reported.

    Args:
        usual: What runs of its pipeline version take.
        changed_at: When a change of its tasks was seen last; None: not looked at.
    """
    age = (now - run.since).total_seconds()
    is_pending = run.word in PENDING_WORDS
    if limits.pending_seconds and is_pending and age >= limits.pending_seconds:
        return _new(run, Reason.PENDING, f"pending for {age:.0f} s")
    if limits.idle_seconds and not is_pending and changed_at is not None:
        idle = (now - changed_at).total_seconds()
        if idle >= limits.idle_seconds:
            return _new(run, Reason.IDLE, f"no task has changed its state for {idle:.0f} s")
    if limits.overdue_factor and usual is not None:
        allowed = max(limits.overdue_factor * usual.total_seconds(), SHORTEST_OVERDUE_SECONDS)
        if age >= allowed:
            text = f"running for {age:.0f} s; runs of this pipeline version take {usual.total_seconds():.0f} s"
            return _new(run, Reason.OVERDUE, text)
    return None


def _new(run: GoingRun, reason: Reason, text: str) -> Symptom | None:
    return None if reason in run.told else Symptom(reason=reason, text=text)
