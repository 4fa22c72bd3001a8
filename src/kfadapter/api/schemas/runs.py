"""Starting runs."""

from pydantic import Field, model_validator

from kfadapter.api.schemas.shape import JSONValue, Shape


class NewRun(Shape):
    """A run to start: of a pipeline, or of a specification that is sent along."""

    display_name: str = Field(default="", max_length=128, description="Without it the pipeline's name and the time.")
    description: str = ""
    pipeline_id: str = ""
    pipeline_name: str = ""
    version: str = Field(default="latest", description="A version's id, its name, or `latest`.")
    pipeline_spec: dict[str, JSONValue] | None = Field(
        default=None, description='In place of a pipeline: bare, or `{"pipeline_spec": …, "platform_spec": …}`.'
    )
    experiment_id: str = ""
    experiment_name: str = Field(default="", description="Without either: Kubeflow's default experiment.")
    create_experiment: bool = Field(default=False, description="Create the experiment when it is not there.")
    arguments: dict[str, JSONValue] = Field(
        default_factory=dict, description="Converted to the types the pipeline declares; others are refused."
    )
    pipeline_root: str = ""
    service_account: str = ""

    @model_validator(mode="after")
    def _names_one_of_each(self) -> "NewRun":
        if sum((bool(self.pipeline_id), bool(self.pipeline_name), self.pipeline_spec is not None)) != 1:
            raise ValueError("give exactly one of pipeline_id, pipeline_name and pipeline_spec")
        if self.experiment_id and self.experiment_name:
            raise ValueError("give experiment_id or experiment_name, not both")
        return self


class StartedRun(Shape):
    """A run that Kubeflow has taken."""

    run_id: str
    display_name: str
    state: str
    experiment_id: str | None
    pipeline_id: str | None
    pipeline_version_id: str | None
    created_at: str | None
    arguments: dict[str, JSONValue] = Field(description="As the run got them.")
    effective_arguments: dict[str, JSONValue] = Field(description="With the defaults of the other inputs.")
