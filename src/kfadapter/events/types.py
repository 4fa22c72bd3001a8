"""The types of events. The set is closed, so that a filter can be checked when it is given."""

from enum import StrEnum
from fnmatch import fnmatchcase

from kfadapter.kubeflow.resources import RUN_STATES

PREFIX = "org.kfadapter."


class EventType(StrEnum):
    """What can happen. The subject says to what: a run's id, a training job's id, a subscription's id."""

    # subject: the run's id
    RUN_CREATED = PREFIX + "run.created"  # the run is there
    RUN_STATE_CHANGED = PREFIX + "run.state.changed"  # every change of state; data: previous_state
    RUN_FINISHED = PREFIX + "run.finished"  # once a run, with its end state: SUCCEEDED, SKIPPED, FAILED, CANCELED, LOST
    RUN_CONTRADICTED = PREFIX + "run.contradicted"  # after the end another end was seen; the first one stays
    RUN_STUCK = PREFIX + "run.stuck"  # pending too long, no progress, or overdue; data: reason
    RUN_ARCHIVED = PREFIX + "run.archived"
    RUN_UNARCHIVED = PREFIX + "run.unarchived"
    RUN_DELETED = PREFIX + "run.deleted"
    TASK_STATE_CHANGED = PREFIX + "task.state.changed"  # data: task_id, task_name, previous_state
    ARTIFACT_CREATED = PREFIX + "artifact.created"  # data: task_id, task_name, name, type, uri, metadata
    # subject: the training job's id
    TRAINING_JOB_STATE_CHANGED = PREFIX + "trainingjob.state.changed"  # data: previous_state, attempt
    TRAINING_JOB_FINISHED = PREFIX + "trainingjob.finished"  # once an attempt, with its end state
    TRAINING_JOB_SUPERSEDED = PREFIX + "trainingjob.superseded"  # a newer run of the job replaces this one
    # subject: the training job's id, or the subscription's; data: receiver, delivery, tries, answer
    DELIVERY_SUCCEEDED = PREFIX + "delivery.succeeded"  # the Training Manager has taken a notification
    DELIVERY_FAILED = PREFIX + "delivery.failed"  # the first failed try of a notification or delivery
    DELIVERY_DEAD = PREFIX + "delivery.dead"  # given up
    # subject: the subscription's id
    SUBSCRIPTION_STATE_CHANGED = PREFIX + "subscription.state.changed"  # active, paused or disabled; data: reason
    SUBSCRIPTION_TEST = PREFIX + "subscription.test"  # asked for with `:test`; only its receiver sees it


STATES = frozenset(
    {
        *RUN_STATES,  # of runs and tasks; subscriptions are PAUSED, too
        "LOST",  # of runs, our own word
        *("INTENDED", "UNCERTAIN", "ACTIVE", "REFUSED", "NOT_STARTED"),  # of training jobs, beside those
        "DISABLED",  # of subscriptions, beside those
    }
)
"""The states that events can have after them, in capitals."""


def types_like(pattern: str) -> frozenset[EventType]:
    """The types that a pattern stands for.

    Args:
        pattern: A type, with or without `org.kfadapter.`, in which `*` stands for anything: `run.*`, `*.finished`.
    """
    return frozenset(
        one for one in EventType if fnmatchcase(one, pattern) or fnmatchcase(one.removeprefix(PREFIX), pattern)
    )
