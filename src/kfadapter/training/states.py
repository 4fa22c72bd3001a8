"""The states of a training run and of a notification, and the changes that are allowed, as data.

These are the ledger's words. Kubeflow's own word for a run is kept beside them, unchanged.
"""

from collections.abc import Mapping
from enum import StrEnum

from kfadapter.errors import TransitionRefused


class RunState(StrEnum):
    """What the ledger knows of a run that was meant to be."""

    INTENDED = "intended"  # written down; the one create call is about to be sent, or on its way
    UNCERTAIN = "uncertain"  # the create call's outcome is not known; the run is looked up by its id
    ACTIVE = "active"  # Kubeflow has the run, and it is not known to have ended
    SUCCEEDED = "succeeded"  # ended, by Kubeflow's word
    FAILED = "failed"  # ended, by Kubeflow's word; terminated runs too, on a real cluster
    SKIPPED = "skipped"  # ended, by Kubeflow's word: there was nothing to run
    CANCELED = "canceled"  # ended, by Kubeflow's word
    LOST = "lost"  # Kubeflow had the run and has not known it for the time set
    REFUSED = "refused"  # Kubeflow said no to the create call: there is no run
    NOT_STARTED = "not_started"  # the create call never arrived, or left nothing behind: there is no run

    @property
    def is_end(self) -> bool:
        """Whether nothing can follow."""
        return not RUN_TRANSITIONS[self]


_S = RunState

RUN_TRANSITIONS: Mapping[RunState, frozenset[RunState]] = {
    _S.INTENDED: frozenset({_S.UNCERTAIN, _S.ACTIVE, _S.REFUSED, _S.NOT_STARTED}),
    _S.UNCERTAIN: frozenset({_S.ACTIVE, _S.REFUSED, _S.NOT_STARTED}),
    _S.ACTIVE: frozenset({_S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELED, _S.LOST}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.LOST: frozenset(),
    _S.REFUSED: frozenset(),
    _S.NOT_STARTED: frozenset(),
}
"""What may follow each state. The first end state wins: nothing follows it."""

END_WORDS: Mapping[str, RunState] = {
    "SUCCEEDED": _S.SUCCEEDED,
    "FAILED": _S.FAILED,
    "SKIPPED": _S.SKIPPED,
    "CANCELED": _S.CANCELED,
}
"""KFP's words for a run that has ended. Every other word (CANCELING, PAUSED, new ones) is not an end."""

FAILED_WORD = "FAILED"
"""What the Training Manager is told of an end that Kubeflow has no word for (LOST, NOT_STARTED, REFUSED)."""


class NotificationState(StrEnum):
    """What became of a notification to the Training Manager."""

    PENDING = "pending"  # to be sent, or being sent: see its claim
    DELIVERED = "delivered"  # the Training Manager answered as one that has understood
    DEAD = "dead"  # given up after days of trying
    CANCELLED = "cancelled"  # no longer wanted: the job was deleted, or a newer run of it was accepted


_N = NotificationState

NOTIFICATION_TRANSITIONS: Mapping[NotificationState, frozenset[NotificationState]] = {
    _N.PENDING: frozenset({_N.DELIVERED, _N.DEAD, _N.CANCELLED}),
    _N.DELIVERED: frozenset({_N.PENDING}),  # a person asks for it to be sent once more
    _N.DEAD: frozenset({_N.PENDING}),
    _N.CANCELLED: frozenset(),
}
"""What may follow each state. What nobody is to hear stays unsaid."""


def check_run_transition(run_id: str, current: RunState, wanted: RunState) -> None:
    """Let a change pass.

    Raises:
        TransitionRefused: The table does not hold it.
    """
    if wanted not in RUN_TRANSITIONS[current]:
        raise TransitionRefused(f"run {run_id}", current, wanted)


def check_notification_transition(key: str, current: NotificationState, wanted: NotificationState) -> None:
    """Let a change pass.

    Raises:
        TransitionRefused: The table does not hold it.
    """
    if wanted not in NOTIFICATION_TRANSITIONS[current]:
        raise TransitionRefused(f"notification {key}", current, wanted)


def end_of(word: str) -> RunState | None:
    """The end state that KFP's word stands for; None while the run has not ended."""
    return END_WORDS.get(word)


def told_as(state: RunState, word: str) -> str:
    """What the Training Manager is told: KFP's word where it has one for this end, else FAILED."""
    return word if end_of(word) is state else FAILED_WORD
