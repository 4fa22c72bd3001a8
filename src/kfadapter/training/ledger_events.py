"""What happens to training jobs, told to everybody who follows: appended to the log of events by the same transaction.

`training_events` is the history of one run and never shortened; the log of events is the one order of everything,
which streams and subscriptions follow.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from kfadapter.events.log import append
from kfadapter.events.records import NewEvent
from kfadapter.events.types import EventType
from kfadapter.training.records import TrainingRun
from kfadapter.training.states import RunState


def tell_state(connection: Connection, run: TrainingRun, previous: RunState, now: datetime) -> None:
    """A job's run is in another state; with its creation or its end, told once per run whoever notices it too."""
    told = []
    if run.state is RunState.ACTIVE:
        told.append(
            _of_run(run, EventType.RUN_CREATED, run.created_at or now, state=run.kubeflow_state, key=run.run_id)
        )
    changed = {"previous_state": previous.value, "attempt": run.attempt}
    told.append(_of_job(run, EventType.TRAINING_JOB_STATE_CHANGED, now, changed))
    if run.state.is_end:
        told += _ends(run, now)
    append(connection, *told)


def tell_superseded(connection: Connection, run: TrainingRun, newer: str, now: datetime) -> None:
    """A newer run of the job replaces this one."""
    data = {"attempt": run.attempt, "superseded_by": newer}
    append(connection, _of_job(run, EventType.TRAINING_JOB_SUPERSEDED, now, data))


def tell_contradiction(connection: Connection, run: TrainingRun, word: str, now: datetime) -> None:
    """After its end Kubeflow said something else of the run; the first end stays."""
    data = {"kept": run.kubeflow_state or run.state.value.upper(), "attempt": run.attempt}
    append(connection, _of_run(run, EventType.RUN_CONTRADICTED, now, state=word, data=data, key=f"{run.run_id} {word}"))


def tell_stuck(connection: Connection, run: TrainingRun, reason: str, text: str, now: datetime) -> None:
    """The run does not come on; told once for each reason."""
    data = {"reason": reason, "detail": text, "attempt": run.attempt}
    key = f"{run.run_id} {reason}"
    append(connection, _of_run(run, EventType.RUN_STUCK, now, state=run.kubeflow_state, data=data, key=key))


def tell_delivery(connection: Connection, run: TrainingRun, kind: EventType, now: datetime, **facts: Any) -> None:
    """How telling the Training Manager goes: its first failure, its success, its end without one.

    Args:
        facts: `delivery` (the notification's number in its job), `tries`, `answer`.
    """
    append(connection, _of_job(run, kind, now, {"receiver": "training-manager", "attempt": run.attempt, **facts}))


def _ends(run: TrainingRun, now: datetime) -> list[NewEvent]:
    data = {"attempt": run.attempt, "run_status": run.kubeflow_state, "reason": run.reason}
    told = [_of_job(run, EventType.TRAINING_JOB_FINISHED, run.finished_at or now, data)]
    if run.accepted_at is not None:
        word = run.kubeflow_state if run.state is not RunState.LOST else run.state.value.upper()
        facts: dict[str, Any] = {"name": run.display_name, "error": run.reason}
        at = run.finished_at or now
        told.append(_of_run(run, EventType.RUN_FINISHED, at, state=word, data=facts, key=run.run_id))
    return told


def _of_job(run: TrainingRun, kind: EventType, at: datetime, data: dict[str, Any]) -> NewEvent:
    return NewEvent(type=kind, subject=run.job_id, at=at, state=run.state.value, data=data, **_names(run))


def _of_run(
    run: TrainingRun, kind: EventType, at: datetime, *, state: str, data: dict[str, Any] | None = None, key: str
) -> NewEvent:
    return NewEvent(type=kind, subject=run.run_id, at=at, state=state, data=data or {}, key=key, **_names(run))


def _names(run: TrainingRun) -> dict[str, str]:
    return {
        "run_id": run.run_id,
        "job_id": run.job_id,
        "pipeline_id": run.pipeline_id,
        "pipeline_name": run.pipeline_name,
        "pipeline_version_id": run.pipeline_version_id,
        "version_name": run.version_name,
        "experiment_id": run.experiment_id,
        "experiment_name": run.experiment_name,
    }
