"""A pipeline's arguments as JSON Schema 2020-12: for forms, editors and validation."""

from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import PipelineSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def arguments_schema(pipeline: PipelineDescription | PipelineSpec) -> dict[str, JSON]:
    """The schema of the object of arguments that a run of the pipeline takes, in the JSON types Kubeflow wants.

    `x-kfp-type` of a property is KFP's word for its type; `x-kfp-artifacts` lists inputs that are artifacts, which
    arguments cannot give.
    """
    raise NotImplementedError
