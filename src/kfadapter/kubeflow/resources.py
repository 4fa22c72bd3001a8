"""What Kubeflow's answers say, as frozen values.

KFP leaves out fields whose value is zero; 2.3.0 has no `name` beside `display_name`. Only ids are demanded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar

from kfadapter.errors import KubeflowMalformed

# KFP writes 1970-01-01 (2.x) or year 1 for "not yet".
EARLIEST_YEAR = 1971
# KFP's RuntimeState; 3.0 adds CACHED.
RUN_STATES = (
    "RUNTIME_STATE_UNSPECIFIED",
    *("PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CANCELING", "CANCELED", "PAUSED", "CACHED"),
)
# CANCELING is none: something follows it.
END_STATES = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"})

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """A pipeline.

    Attributes:
        name: The unique name; equal to `display_name` on servers that know only one.
        created_at: Aware, whole seconds; None when the server did not say.
        tags: Empty on servers that have none (before 2.17).
    """

    pipeline_id: str
    name: str
    display_name: str
    description: str = ""
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read KFP's object.

        Raises:
            KubeflowMalformed: It is no object, or has no id.
        """
        fields = _fields(raw, "a pipeline")
        name, display_name = _names(fields)
        return cls(
            pipeline_id=_identity(fields, "pipeline_id", "a pipeline"),
            name=name,
            display_name=display_name,
            description=text(fields, "description"),
            created_at=moment(fields.get("created_at")),
            tags=texts(fields.get("tags")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineVersion:
    """One version of a pipeline.

    Attributes:
        tags: Empty on servers that have none (before 2.17).
        code_source_url: Where its source is, as the uploader said; may be empty.
        pipeline_spec: The compiled pipeline as stored: bare, or nested beside a `platform_spec`; None when not sent.
    """

    pipeline_version_id: str
    pipeline_id: str
    name: str
    display_name: str
    description: str = ""
    created_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    code_source_url: str = ""
    pipeline_spec: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read KFP's object; raises KubeflowMalformed as `Pipeline.from_json`."""
        fields = _fields(raw, "a pipeline version")
        name, display_name = _names(fields)
        return cls(
            pipeline_version_id=_identity(fields, "pipeline_version_id", "a pipeline version"),
            pipeline_id=text(fields, "pipeline_id"),
            name=name,
            display_name=display_name,
            description=text(fields, "description"),
            created_at=moment(fields.get("created_at")),
            tags=texts(fields.get("tags")),
            code_source_url=text(fields, "code_source_url"),
            pipeline_spec=mapping(fields.get("pipeline_spec")) or None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """An experiment, KFP's folder of runs.

    Attributes:
        storage_state: AVAILABLE or ARCHIVED.
        last_run_created_at: None when nothing has run in it, or the server does not say (before 2.14).
    """

    experiment_id: str
    display_name: str
    description: str = ""
    created_at: datetime | None = None
    storage_state: str = ""
    last_run_created_at: datetime | None = None

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read KFP's object; raises KubeflowMalformed as `Pipeline.from_json`."""
        fields = _fields(raw, "an experiment")
        return cls(
            experiment_id=_identity(fields, "experiment_id", "an experiment"),
            display_name=text(fields, "display_name"),
            description=text(fields, "description"),
            created_at=moment(fields.get("created_at")),
            storage_state=text(fields, "storage_state"),
            last_run_created_at=moment(fields.get("last_run_created_at")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDetail:
    """One task of a run, as far as KFP tells.

    Attributes:
        pod_names: The pods that ran it, where logs come from.
        raw: Everything KFP said, with inputs, outputs and the state's history.
    """

    task_id: str
    display_name: str
    parent_task_id: str
    state: str
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error_message: str
    pod_names: tuple[str, ...]
    raw: Mapping[str, Any]

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read an element of `run_details.task_details`."""
        fields = _fields(raw, "a task")
        return cls(
            task_id=text(fields, "task_id"),
            display_name=text(fields, "display_name"),
            parent_task_id=text(fields, "parent_task_id"),
            state=text(fields, "state"),
            created_at=moment(fields.get("create_time")),
            started_at=moment(fields.get("start_time")),
            finished_at=moment(fields.get("end_time")),
            error_message=_error_message(fields),
            pod_names=_pod_names(fields),
            raw=fields,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run.

    Attributes:
        state: KFP's word (PENDING, RUNNING, SUCCEEDED, FAILED, …); empty when KFP gave none.
        finished_at: None while it has not ended.
        pipeline_id: None for a run of an inline spec.
        parameters: The runtime parameters it was started with.
        raw: Everything KFP said.
    """

    run_id: str
    display_name: str
    description: str
    state: str
    storage_state: str
    created_at: datetime | None
    scheduled_at: datetime | None
    finished_at: datetime | None
    experiment_id: str
    pipeline_id: str | None
    pipeline_version_id: str | None
    parameters: Mapping[str, Any]
    error_message: str
    task_details: tuple[TaskDetail, ...]
    raw: Mapping[str, Any]

    @property
    def is_archived(self) -> bool:
        return self.storage_state == "ARCHIVED"

    @property
    def recurring_run_id(self) -> str | None:
        """The recurring run that started it; None: nobody's."""
        return text(self.raw, "recurring_run_id") or None

    @property
    def has_ended(self) -> bool:
        """Whether its state is one that nothing follows, unless it is retried."""
        return self.state in END_STATES

    @classmethod
    def from_json(cls, raw: object) -> Self:
        """Read KFP's object; raises KubeflowMalformed as `Pipeline.from_json`."""
        fields = _fields(raw, "a run")
        reference = mapping(fields.get("pipeline_version_reference"))
        return cls(
            run_id=_identity(fields, "run_id", "a run"),
            display_name=text(fields, "display_name"),
            description=text(fields, "description"),
            state=text(fields, "state"),
            storage_state=text(fields, "storage_state"),
            created_at=moment(fields.get("created_at")),
            scheduled_at=moment(fields.get("scheduled_at")),
            finished_at=moment(fields.get("finished_at")),
            experiment_id=text(fields, "experiment_id"),
            pipeline_id=text(reference, "pipeline_id") or None,
            pipeline_version_id=text(reference, "pipeline_version_id") or None,
            parameters=mapping(mapping(fields.get("runtime_config")).get("parameters")),
            error_message=_run_error(fields),
            task_details=tuple(TaskDetail.from_json(task) for task in _task_details(fields)),
            raw=fields,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        next_page_token: Empty on the last page.
        total_size: How many there are altogether; None when the server did not say.
    """

    items: tuple[T, ...]
    next_page_token: str = ""
    total_size: int | None = None


def page(document: Mapping[str, Any], key: str, read: Callable[[object], T]) -> Page[T]:
    """Read a page whose items are under `key`; an empty list is left out by KFP.

    Raises:
        KubeflowMalformed: The items are no list, or one of them cannot be read.
    """
    raw = document.get(key)
    if raw is not None and not isinstance(raw, list):
        raise KubeflowMalformed(f"Kubeflow answered with a list of {key} that is no list")
    total = document.get("total_size")
    return Page(
        items=tuple(read(item) for item in raw or ()),
        next_page_token=text(document, "next_page_token"),
        total_size=total if isinstance(total, int) else None,
    )


def moment(value: object) -> datetime | None:
    """A time of KFP's (RFC 3339); None for none, for an unreadable one, and for 1970 and before, KFP's "not yet"."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        aware = parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return aware if aware.year >= EARLIEST_YEAR else None


def _fields(raw: object, what: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise KubeflowMalformed(f"Kubeflow answered with something else where {what} belongs")
    return raw


def _identity(fields: Mapping[str, Any], key: str, what: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise KubeflowMalformed(f"Kubeflow answered with {what} that has no {key}")
    return value


def _names(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the display name; a server that sends one of them means both."""
    name, display_name = text(fields, "name"), text(fields, "display_name")
    return name or display_name, display_name or name


def text(fields: Mapping[str, Any], key: str) -> str:
    """A field that is text; "" when it is missing or something else."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def texts(value: object) -> Mapping[str, str]:
    """The texts of a JSON object by key; empty when it is none."""
    return {key: one for key, one in mapping(value).items() if isinstance(one, str)}


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _error_message(fields: Mapping[str, Any]) -> str:
    return text(mapping(fields.get("error")), "message")


def _run_error(fields: Mapping[str, Any]) -> str:
    """Why a run failed: its own error, or else the last change's, or else that of the first task that has one.

    KFP fills none of them for most failures; the embedded engine tells its tasks' errors, as KFP's own format has it.
    """
    history = fields.get("state_history")
    last = mapping(history[-1]) if isinstance(history, list) and history else {}
    own = _error_message(fields) or _error_message(last)
    return own or next((why for task in _task_details(fields) if (why := _error_message(mapping(task)))), "")


def _task_details(fields: Mapping[str, Any]) -> Iterable[object]:
    details = mapping(fields.get("run_details")).get("task_details")
    return details if isinstance(details, list) else ()


def _pod_names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """KFP names a task's pods in one of three places, depending on its version."""
    children = fields.get("child_tasks")
    names = [text(fields, "pod_name"), text(mapping(fields.get("executor_detail")), "main_job")]
    names += [text(mapping(child), "pod_name") for child in (children if isinstance(children, list) else ())]
    return tuple(dict.fromkeys(name for name in names if name))
