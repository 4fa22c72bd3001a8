"""A pipeline's arguments as JSON Schema 2020-12: for forms, editors and validation."""

from collections.abc import Mapping

from kfadapter.pipelines.coercion import Unfit, coerce
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import MAX_EXACT_INTEGER, Artifact, Parameter, ParameterType, PipelineSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPES: Mapping[ParameterType, dict[str, JSON]] = {
    ParameterType.NUMBER_INTEGER: {"type": "integer", "minimum": -MAX_EXACT_INTEGER, "maximum": MAX_EXACT_INTEGER},
    ParameterType.NUMBER_DOUBLE: {"type": "number"},
    ParameterType.STRING: {"type": "string"},
    ParameterType.BOOLEAN: {"type": "boolean"},
    ParameterType.LIST: {"type": "array"},
    ParameterType.STRUCT: {"type": "object"},
}


def arguments_schema(pipeline: PipelineDescription | PipelineSpec) -> dict[str, JSON]:
    """The schema of the object of arguments that a run of the pipeline takes, in the JSON types Kubeflow wants.

    `x-kfp-type` of a property is KFP's word for its type; `x-kfp-artifacts` lists inputs that are artifacts, which
    arguments cannot give. A default is shown only where it is a value of the input's type.
    """
    ports = pipeline.inputs if isinstance(pipeline, PipelineDescription) else pipeline
    schema: dict[str, JSON] = {
        "$schema": DIALECT,
        "title": pipeline.name,
        "type": "object",
        "properties": {parameter.name: _property(parameter) for parameter in ports.parameters},
        "required": [parameter.name for parameter in ports.parameters if parameter.required],
        "additionalProperties": False,
    }
    if pipeline.description:
        schema["description"] = pipeline.description
    if ports.artifacts:
        schema["x-kfp-artifacts"] = [_artifact(artifact) for artifact in ports.artifacts]
    return schema


def _property(parameter: Parameter) -> dict[str, JSON]:
    schema: dict[str, JSON] = {"title": parameter.name.replace("_", " "), **_TYPES.get(parameter.type, {})}
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.has_default and _is_value_of(parameter.default, parameter.type):
        schema["default"] = parameter.default
    if parameter.allowed is not None:
        schema["enum"] = list({_key(value): value for value in parameter.allowed}.values())
    schema["x-kfp-type"] = parameter.type.value
    return schema


def _key(value: JSON) -> tuple[str, str]:
    """1, 1.0 and true are three texts, but JSON Schema takes the numbers 1 and 1.0 for one."""
    kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    return kind, repr(float(value) if kind == "number" and isinstance(value, int | float) else value)


def _is_value_of(value: JSON, type_: ParameterType) -> bool:
    if value is None:
        return False
    try:
        fitted = coerce(value, type_)
    except Unfit:
        return False
    return isinstance(value, bool) == isinstance(fitted, bool) and fitted == value


def _artifact(artifact: Artifact) -> dict[str, JSON]:
    return artifact.to_json()
