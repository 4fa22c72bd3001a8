"""Runs: what may be asked, and the shapes of answers."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from kfadapter.api.schemas.shape import JSONValue, Shape, Time, Unavailable

Arguments = Annotated[
    dict[str, JSONValue],
    Field(description="By name; converted to the types the pipeline declares, every problem is named."),
]


class NewRun(Shape):
    """A run to start: of a pipeline, or of a specification that is sent along."""

    display_name: str = Field(default="", max_length=128, description="Without it the pipeline's name and the time.")
    description: str = ""
    pipeline: str = Field(default="", description="The pipeline's name or id.")
    pipeline_id: str = ""
    pipeline_name: str = ""
    version: str = Field(default="latest", description="A version's id, its name, or `latest`.")
    pipeline_spec: dict[str, JSONValue] | None = Field(
        default=None, description='In place of a pipeline: bare, or `{"pipeline_spec": …, "platform_spec": …}`.'
    )
    experiment: str = Field(default="", description="Name or id; without it Kubeflow's default experiment.")
    experiment_id: str = ""
    experiment_name: str = ""
    create_experiment: bool = Field(default=False, description="Create the experiment when it is not there.")
    arguments: Arguments = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict, description="Kept here; Kubeflow has none on runs.")
    pipeline_root: str = ""
    service_account: str = ""

    @model_validator(mode="after")
    def _names_one_of_each(self) -> "NewRun":
        sources = (self.pipeline, self.pipeline_id, self.pipeline_name, self.pipeline_spec)
        if sum(bool(one) for one in sources) > 1:
            raise ValueError("give exactly one of pipeline, pipeline_id, pipeline_name and pipeline_spec")
        if sum(map(bool, (self.experiment, self.experiment_id, self.experiment_name))) > 1:
            raise ValueError("give one of experiment, experiment_id and experiment_name")
        return self


class RunChanges(Shape):
    """What is to be different in a clone; what is not given stays."""

    display_name: str = Field(default="", max_length=128, description="Without it `Clone of …`.")
    description: str | None = None
    version: str = Field(default="", description="Another version of the same pipeline: id, name or `latest`.")
    experiment: str = Field(default="", description="Name or id.")
    create_experiment: bool = False
    arguments: dict[str, JSONValue] = Field(
        default_factory=dict, description="Single ones; null takes one away, so that its default applies."
    )
    labels: dict[str, str] | None = Field(default=None, description="In place of the run's own.")


class RunPatch(Shape):
    """What may be changed of a run that is there."""

    labels: dict[str, str | None] = Field(description="Added or changed, one by one; null removes a label.")


class ValuesShape(Shape):
    """What goes into a task, or comes out of it."""

    parameters: dict[str, JSONValue]
    artifacts: dict[str, list[dict[str, Any]]]


class TaskShape(Shape):
    """A task; null where the server does not say."""

    task_id: str
    name: str
    state: str
    kind: str | None = Field(description="root, dag, loop, iteration, container or importer.")
    parent_task_id: str | None
    created_at: Time
    started_at: Time
    finished_at: Time
    error: str | None
    attempts: int | None
    cached: bool
    iteration_index: int | None = Field(description="Which iteration of a loop it is or is in, from 0.")
    has_log: bool
    inputs: ValuesShape | None
    outputs: ValuesShape | None
    metrics: dict[str, float | int] | None


class TaskList(Shape):
    """The tasks of a run."""

    tasks: list[TaskShape]
    unavailable: Unavailable


class TaskDetailShape(TaskShape):
    """A task, and what is not told of it."""

    unavailable: Unavailable


class RunShape(Shape):
    """A run with everything about it."""

    run_id: str
    name: str
    description: str | None
    state: str
    archived: bool
    created_at: Time
    scheduled_at: Time
    finished_at: Time
    experiment_id: str | None
    experiment_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    pipeline_version_id: str | None
    pipeline_version_name: str | None
    recurring_run_id: str | None
    training_job_id: str | None
    made_from: dict[str, str] | None = Field(description="`run_id` and `verb`: the run it is a clone or a retry of.")
    service_account: str | None
    pipeline_root: str | None
    arguments: dict[str, JSONValue] = Field(description="As the run was started with them.")
    effective_arguments: dict[str, JSONValue] | None = Field(description="With the defaults of the other inputs.")
    defaulted_arguments: list[str]
    labels: dict[str, str]
    state_history: list[dict[str, Any]]
    error: str | None
    failure: dict[str, Any] | None
    waiting: list[dict[str, Any]]
    metrics: dict[str, float | int] | None
    tasks: list[TaskShape]
    unavailable: Unavailable


class RunRow(Shape):
    """A run in a list."""

    run_id: str
    name: str
    state: str
    archived: bool
    created_at: Time
    scheduled_at: Time
    finished_at: Time
    experiment_id: str | None
    experiment_name: str | None
    pipeline_id: str | None
    pipeline_name: str | None
    pipeline_version_id: str | None
    pipeline_version_name: str | None
    recurring_run_id: str | None
    training_job_id: str | None
    arguments: dict[str, JSONValue]
    labels: dict[str, str]
    error: str | None


class IndexShape(Shape):
    """How far the index is that a list is read from."""

    complete: bool = Field(description="Every run of this Kubeflow is in it.")
    indexed_back_to: Time = Field(description="Runs created after this moment are in it; older ones may be missing.")
    fresh_at: Time = Field(description="When Kubeflow was last asked for what is new, and answered.")


class RunPageShape(Shape):
    """A page of runs."""

    runs: list[RunRow]
    next_page_token: str
    index: IndexShape


class StartedRun(Shape):
    """A run that Kubeflow has taken."""

    run_id: str
    display_name: str
    state: str
    experiment_id: str | None
    pipeline_id: str | None
    pipeline_version_id: str | None
    created_at: Time
    arguments: dict[str, JSONValue] = Field(description="As the run got them.")
    effective_arguments: dict[str, JSONValue] | None = Field(description="With the defaults of the other inputs.")
    ignored_arguments: list[str] = Field(description="Of a clone: those the other version does not declare.")
    labels: dict[str, str]
