"""What a pipeline declares: its typed inputs, its artifacts and outputs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from kfadapter.errors import PackageError
from kfadapter.pipelines.scalars import JSON

MAX_EXACT_INTEGER = 2**53
"""KFP carries numbers as doubles; whole numbers beyond this one lose digits."""


class ParameterType(StrEnum):
    """KFP's words for a parameter's type; the order is that of their numbers in its protobuf."""

    PARAMETER_TYPE_ENUM_UNSPECIFIED = "PARAMETER_TYPE_ENUM_UNSPECIFIED"  # missing, or newer than this program
    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    NUMBER_INTEGER = "NUMBER_INTEGER"
    STRING = "STRING"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"
    TASK_FINAL_STATUS = "TASK_FINAL_STATUS"  # how a task ended; for exit tasks only
    TASK_CONFIG = "TASK_CONFIG"  # a task's own settings; for components only


_BY_NUMBER = tuple(ParameterType)
_BY_NAME = {kind.value: kind for kind in ParameterType}
# Schema 2.0.0 had `type` instead of `parameterType`, with three values.
_OLD_BY_NUMBER = (
    ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED,
    ParameterType.NUMBER_INTEGER,
    ParameterType.NUMBER_DOUBLE,
    ParameterType.STRING,
)
_OLD_BY_NAME = {
    "INT": ParameterType.NUMBER_INTEGER,
    "DOUBLE": ParameterType.NUMBER_DOUBLE,
    "STRING": ParameterType.STRING,
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One input of a pipeline.

    Attributes:
        name: As arguments name it.
        type: What values it takes.
        required: It is not optional and has no default.
        default: The default, in the JSON type of `type`; None when there is none.
        has_default: Tells a default of null from none.
        description: The pipeline's author's words; may be empty.
        allowed: The only values it takes; None: any.
    """

    name: str
    type: ParameterType
    required: bool
    default: JSON = None
    has_default: bool = False
    description: str = ""
    allowed: tuple[JSON, ...] | None = None

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "type": self.type.value,
            "required": self.required,
            "default": self.default,
            "description": self.description,
            "allowed": None if self.allowed is None else list(self.allowed),
        }


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """An artifact that a pipeline takes or gives.

    Attributes:
        name: As the pipeline names it.
        type: KFP's schema title, such as `system.Model`; empty when it has none.
        required: An input that must be given; False for outputs.
        is_list: It is a list of artifacts.
        description: The author's words; may be empty.
    """

    name: str
    type: str
    required: bool = False
    is_list: bool = False
    description: str = ""

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "is_list": self.is_list,
            "description": self.description,
        }


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a pipeline gives: values (as `Parameter`, never required) and artifacts."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineSpec:
    """A pipeline as it describes itself.

    Attributes:
        name: The name inside the specification; people know the pipeline by another one.
        description: The author's words; may be empty.
        schema_version: Of the format, as `2.1.0`.
        sdk_version: What compiled it, as `kfp-2.17.0`.
        parameters: Inputs that arguments fill, in the specification's order.
        artifacts: Inputs that are artifacts.
        outputs: What comes out of a run.
        document: The specification itself.
        platform: The platform document (`platforms`: Kubernetes settings of tasks), if there is one.
    """

    name: str
    description: str = ""
    schema_version: str = ""
    sdk_version: str = ""
    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    outputs: Outputs = field(default_factory=Outputs)
    document: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    platform: Mapping[str, JSON] | None = field(default=None, repr=False)


def read_spec(document: Mapping[str, JSON]) -> PipelineSpec:
    """Read what a pipeline declares, from its specification or from Kubeflow's pair of it and a platform document.

    Only what is read must be well-formed; fields this program does not know are left alone.

    Args:
        document: `{"pipelineInfo": …, "root": …}`, or as Kubeflow stores two documents:
            `{"pipeline_spec": …, "platform_spec": …}`.

    Raises:
        PackageError: It is not a pipeline's specification; names the path.
    """
    try:
        return _read(*split_pair(document))
    except RecursionError as exc:
        raise PackageError("the specification is nested too deeply") from exc


def _read(pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None) -> PipelineSpec:
    info = _object(pipeline, "pipelineInfo")
    root = _object(pipeline, "root")
    inputs, outputs = _object(root, "inputDefinitions", "root."), _object(root, "outputDefinitions", "root.")
    return PipelineSpec(
        name=_text(info, "name"),
        description=_text(info, "description"),
        schema_version=_text(pipeline, "schemaVersion"),
        sdk_version=_text(pipeline, "sdkVersion"),
        parameters=read_parameters(inputs, "root.inputDefinitions", are_inputs=True),
        artifacts=read_artifacts(inputs, "root.inputDefinitions", are_inputs=True),
        outputs=_outputs(outputs),
        document=pipeline,
        platform=platform,
    )


def split_pair(document: Mapping[str, JSON]) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """A specification and its platform document, from either way of storing them.

    Raises:
        PackageError: It is not an object, or one of its parts is not.
    """
    if not isinstance(document, Mapping):
        raise PackageError("a pipeline's specification is an object")
    pipeline = get(document, "pipelineSpec")
    if pipeline is None:
        return document, None
    if not isinstance(pipeline, Mapping):
        raise PackageError("is not an object", path="pipeline_spec")
    platform = get(document, "platformSpec")
    if platform is not None and not isinstance(platform, Mapping):
        raise PackageError("is not an object", path="platform_spec")
    return pipeline, platform or None


def get(mapping: Mapping[str, Any], name: str) -> Any:
    """A field by its camelCase name; protobuf's JSON may also write it in snake_case. None when missing."""
    value = mapping.get(name)
    if value is not None:
        return value
    return mapping.get(_snake_case(name))


@lru_cache(maxsize=512)
def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _object(mapping: Mapping[str, Any], name: str, path: str = "") -> Mapping[str, Any]:
    value = get(mapping, name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise PackageError("is not an object", path=path + name)
    return value


def _text(mapping: Mapping[str, Any], name: str) -> str:
    value = get(mapping, name)
    return value if isinstance(value, str) else ""


def _definitions(mapping: Mapping[str, Any], kind: str, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, definition in _object(mapping, kind, f"{path}.").items():
        if not isinstance(definition, Mapping):
            raise PackageError("is not an object", path=f"{path}.{kind}.{name}")
        yield name, definition


def read_parameters(definitions: Mapping[str, Any], path: str, *, are_inputs: bool) -> tuple[Parameter, ...]:
    """The parameters of `inputDefinitions` or `outputDefinitions`.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    return tuple(_parameters(definitions, path)) if are_inputs else tuple(_output_parameters(definitions, path))


def read_artifacts(definitions: Mapping[str, Any], path: str, *, are_inputs: bool) -> tuple[Artifact, ...]:
    """The artifacts of `inputDefinitions` or `outputDefinitions`.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    return tuple(_artifacts(definitions, path, are_inputs=are_inputs))


def _parameters(inputs: Mapping[str, Any], path: str) -> Iterator[Parameter]:
    for name, definition in _definitions(inputs, "parameters", path):
        kind = _parameter_type(definition)
        has_default = "defaultValue" in definition or "default_value" in definition
        yield Parameter(
            name=name,
            type=kind,
            required=not has_default and get(definition, "isOptional") is not True,
            default=typed(get(definition, "defaultValue"), kind),
            has_default=has_default,
            description=_text(definition, "description"),
            allowed=_allowed(definition, kind, f"{path}.parameters.{name}"),
        )


def _allowed(definition: Mapping[str, Any], kind: ParameterType, path: str) -> tuple[JSON, ...] | None:
    literals = get(definition, "literals")
    if not literals:
        return None
    if not isinstance(literals, Sequence) or isinstance(literals, str):
        raise PackageError("is not a list", path=f"{path}.literals")
    return tuple(typed(literal, kind) for literal in literals)


def _parameter_type(definition: Mapping[str, Any]) -> ParameterType:
    word = get(definition, "parameterType")
    if word is not None:
        return _known(word, _BY_NAME, _BY_NUMBER)
    return _known(definition.get("type"), _OLD_BY_NAME, _OLD_BY_NUMBER)


def _known(word: object, names: Mapping[str, ParameterType], numbers: Sequence[ParameterType]) -> ParameterType:
    if isinstance(word, str):
        return names.get(word, ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED)
    if isinstance(word, int) and 0 <= word < len(numbers):
        return numbers[word]
    return ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED


def _artifacts(mapping: Mapping[str, Any], path: str, *, are_inputs: bool) -> Iterator[Artifact]:
    for name, definition in _definitions(mapping, "artifacts", path):
        schema = _object(definition, "artifactType", f"{path}.artifacts.{name}.")
        yield Artifact(
            name=name,
            type=_text(schema, "schemaTitle"),
            required=are_inputs and get(definition, "isOptional") is not True,
            is_list=get(definition, "isArtifactList") is True,
            description=_text(definition, "description"),
        )


def _outputs(outputs: Mapping[str, Any]) -> Outputs:
    path = "root.outputDefinitions"
    return Outputs(
        parameters=read_parameters(outputs, path, are_inputs=False),
        artifacts=read_artifacts(outputs, path, are_inputs=False),
    )


def _output_parameters(outputs: Mapping[str, Any], path: str) -> Iterator[Parameter]:
    for name, definition in _definitions(outputs, "parameters", path):
        yield Parameter(
            name=name,
            type=_parameter_type(definition),
            required=False,
            description=_text(definition, "description"),
        )


def typed(value: JSON, kind: ParameterType) -> JSON:
    """A value of a specification in the JSON type its parameter asks for.

    KFP keeps every number as a double: 10.0 is the default of an integer input 10, inside lists and objects too.
    What does not fit the type stays as it is.
    """
    if kind is ParameterType.NUMBER_DOUBLE:
        return _double(value)
    if kind is ParameterType.STRING or not isinstance(value, int | float | str | list | Mapping):
        return value
    if kind is ParameterType.NUMBER_INTEGER and isinstance(value, str):
        return whole_numbers(_double(value))
    return whole_numbers(value)


def _double(value: JSON) -> JSON:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return value
    return number if math.isfinite(number) else value


def whole_numbers(value: JSON) -> JSON:
    """A value with every double that is a whole number written as one, at any depth."""
    if type(value) is str:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MAX_EXACT_INTEGER else value
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    if isinstance(value, Mapping):
        return {key: whole_numbers(item) for key, item in value.items()}
    return value
