"""The end of a run whose process cannot write it any more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kfadapter.engine.running.events import Event, EventWriter, timestamp
from kfadapter.engine.running.journal import TaskRecord, unfinished
from kfadapter.engine.running.nodes import Code, Failure, Kind, State
from kfadapter.engine.running.processes import RUN_MARKER, end_marked, end_session
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.errors import EngineError

NOTHING: Mapping[str, Any] = {"parameters": {}, "artifacts": {}}


def close_run(directory: RunDirectory, run_id: str, failure: Failure, session: int | None) -> Event:
    """End every process the run left, and write its end; a run that was to be canceled ends CANCELED, else FAILED.

    Args:
        session: The session of the run's process, if that has ended just now.

    Returns:
        The end as an event, which may not be in the events file: where that is not possible any more.
    """
    if session is not None:
        end_session(session)
    end_marked({RUN_MARKER: run_id})
    end = _run_end(directory, failure)
    try:
        directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        writer = EventWriter(directory.events)
        try:
            for data in _task_ends(directory, end["state"], failure):
                writer.write("task.finished", data)
            return writer.write("run.finished", end)
        finally:
            writer.close()
    except (OSError, EngineError):
        return Event(seq=1, ts=timestamp(), type="run.finished", data=end)


def _run_end(directory: RunDirectory, failure: Failure) -> dict[str, Any]:
    if directory.is_canceled:
        failure = Failure(code=Code.CANCELED, message="the run was terminated")
        return {"state": State.CANCELED.value, "error": failure.to_json(), "outputs": NOTHING}
    return {"state": State.FAILED.value, "error": failure.to_json(), "outputs": NOTHING}


def _task_ends(directory: RunDirectory, state: str, failure: Failure) -> Iterator[Mapping[str, Any]]:
    """Ends for what was under way, innermost first."""
    open_tasks: Sequence[tuple[str, TaskRecord]] = unfinished(directory.events)
    for task_id, record in reversed(open_tasks):
        was_running = record.state == State.RUNNING or record.kind == Kind.ROOT
        waited = State.CANCELED if state == State.CANCELED else State.SKIPPED
        own_state = State(state) if was_running else waited
        yield {
            "task_id": task_id,
            "state": own_state.value,
            "reason": "canceled" if own_state is State.CANCELED else "" if was_running else "upstream",
            "error": failure.to_json() if own_state is State.FAILED else None,
            "exit_code": None,
            "attempts": record.next_attempt if record.kind == Kind.CONTAINER else 0,
            "cached": False,
            "outputs": NOTHING,
            "log": None,
            "usage": None,
        }
