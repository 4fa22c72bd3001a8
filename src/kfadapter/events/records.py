"""Events as values: what a room says when something has happened, and what the log has made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kfadapter.events.types import EventType


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """Something that has happened. Everything but the type, the subject and the time may be unknown.

    Attributes:
        subject: To what it happened: a run's id, a training job's id (EventType says which).
        at: When it happened, as far as that is known.
        state: The state after it, in KFP's words for runs and tasks.
        data: Further facts, JSON; kept small (see `log.DATA_LIMIT_BYTES`).
        key: What makes it the only one of its kind; an event of the same type and key is written once. None: always.
        traceparent: W3C trace context of what caused it.
    """

    type: EventType
    subject: str
    at: datetime
    run_id: str = ""
    job_id: str = ""
    pipeline_id: str = ""
    pipeline_name: str = ""
    pipeline_version_id: str = ""
    version_name: str = ""
    experiment_id: str = ""
    experiment_name: str = ""
    state: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    traceparent: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of the log.

    Attributes:
        position: Its place in the one order of all events: strictly increasing, with gaps.
        event_id: Unique for ever; the same in every delivery and stream.
    """

    position: int
    event_id: str
    type: EventType
    subject: str
    at: datetime
    run_id: str
    job_id: str
    pipeline_id: str
    pipeline_name: str
    pipeline_version_id: str
    version_name: str
    experiment_id: str
    experiment_name: str
    state: str
    data: Mapping[str, Any]
    traceparent: str
