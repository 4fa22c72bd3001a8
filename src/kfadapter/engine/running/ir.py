"""The compiled pipeline (IR) as the scheduler reads it: thin typed views over the JSON document, nothing is copied.

Field names and meanings are those of kubeflow/pipelines' `pipeline_spec.proto` in its JSON form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from kfadapter.errors import EngineError

ALL_UPSTREAM_COMPLETED = "ALL_UPSTREAM_TASKS_COMPLETED"
OLD_TYPES = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE", "STRING": "STRING"}


@dataclass(frozen=True, kw_only=True)
class ParameterDefinition:
    """A declared parameter: its type in KFP's words, and what happens when it is not given."""

    name: str
    type: str
    is_optional: bool
    default: Any
    has_default: bool

    @classmethod
    def from_json(cls, name: str, document: Mapping[str, Any]) -> "ParameterDefinition":
        type_ = document.get("parameterType") or OLD_TYPES.get(str(document.get("type", "")), "")
        return cls(
            name=name,
            type=type_ or "PARAMETER_TYPE_ENUM_UNSPECIFIED",
            is_optional=bool(document.get("isOptional")),
            default=document.get("defaultValue"),
            has_default=document.get("defaultValue") is not None,
        )


@dataclass(frozen=True, kw_only=True)
class ArtifactDefinition:
    """A declared artifact: `type` is {schemaTitle, schemaVersion} or {instanceSchema}."""

    name: str
    type: Mapping[str, Any]
    is_optional: bool
    is_list: bool

    @classmethod
    def from_json(cls, name: str, document: Mapping[str, Any]) -> "ArtifactDefinition":
        return cls(
            name=name,
            type=document.get("artifactType") or {},
            is_optional=bool(document.get("isOptional")),
            is_list=bool(document.get("isArtifactList")),
        )


class Task:
    """A task of a DAG, as the DAG's author wrote it."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.document = document

    @property
    def display_name(self) -> str:
        return str(_object(self.document, "taskInfo").get("name") or self.name)

    @property
    def component(self) -> str:
        return str(_object(self.document, "componentRef").get("name", ""))

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        return _object(_object(self.document, "inputs"), "parameters")

    @property
    def artifacts(self) -> Mapping[str, Mapping[str, Any]]:
        return _object(_object(self.document, "inputs"), "artifacts")

    @cached_property
    def upstream(self) -> tuple[str, ...]:
        """Every task it waits for: `dependentTasks`, and the producers its inputs name, which may be missing there."""
        return tuple(dict.fromkeys([*self.document.get("dependentTasks", ()), *self._producers()]))

    def _producers(self) -> Iterator[str]:
        for source in [*self.parameters.values(), *self.artifacts.values()]:
            for kind in ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus"):
                if producer := _object(source, kind).get("producerTask"):
                    yield str(producer)

    @property
    def condition(self) -> str:
        return str(_object(self.document, "triggerPolicy").get("condition") or "")

    @property
    def runs_in_any_case(self) -> bool:
        """Whether it runs however its upstream tasks ended: exit handlers and `ignore_upstream_failure`."""
        return _object(self.document, "triggerPolicy").get("strategy") == ALL_UPSTREAM_COMPLETED

    @property
    def parameter_iterator(self) -> Mapping[str, Any]:
        return _object(self.document, "parameterIterator")

    @property
    def artifact_iterator(self) -> Mapping[str, Any]:
        return _object(self.document, "artifactIterator")

    @property
    def is_loop(self) -> bool:
        return bool(self.parameter_iterator or self.artifact_iterator)

    @property
    def parallelism(self) -> int:
        """Iterations at the same time; 0: no limit."""
        return int(_object(self.document, "iteratorPolicy").get("parallelismLimit") or 0)

    @property
    def retry(self) -> Mapping[str, Any]:
        return _object(self.document, "retryPolicy")

    @property
    def caching(self) -> Mapping[str, Any]:
        return _object(self.document, "cachingOptions")


class Component:
    """A component: either a DAG of tasks or a thing that is executed."""

    def __init__(self, name: str, document: Mapping[str, Any]) -> None:
        self.name = name
        self.document = document

    @property
    def executor_label(self) -> str:
        return str(self.document.get("executorLabel") or "")

    @property
    def is_dag(self) -> bool:
        return "dag" in self.document

    @cached_property
    def tasks(self) -> dict[str, Task]:
        tasks = _object(_object(self.document, "dag"), "tasks")
        return {name: Task(name, document) for name, document in tasks.items()}

    @cached_property
    def circle(self) -> str:
        """Tasks of a DAG that wait for each other, in a sentence; empty when there are none."""
        upstream = {name: [one for one in task.upstream if one in self.tasks] for name, task in self.tasks.items()}
        try:
            TopologicalSorter(upstream).prepare()
        except CycleError as exc:
            return "tasks wait for each other: " + " -> ".join(exc.args[1])
        return ""

    @property
    def dag_outputs(self) -> Mapping[str, Any]:
        return _object(_object(self.document, "dag"), "outputs")

    @cached_property
    def input_parameters(self) -> dict[str, ParameterDefinition]:
        found = _definitions(self.document, "inputDefinitions", "parameters")
        return {name: ParameterDefinition.from_json(name, document) for name, document in found.items()}

    @cached_property
    def input_artifacts(self) -> dict[str, ArtifactDefinition]:
        found = _definitions(self.document, "inputDefinitions", "artifacts")
        return {name: ArtifactDefinition.from_json(name, document) for name, document in found.items()}

    @cached_property
    def output_parameters(self) -> dict[str, ParameterDefinition]:
        found = _definitions(self.document, "outputDefinitions", "parameters")
        return {name: ParameterDefinition.from_json(name, document) for name, document in found.items()}

    @cached_property
    def output_artifacts(self) -> dict[str, ArtifactDefinition]:
        found = _definitions(self.document, "outputDefinitions", "artifacts")
        return {name: ArtifactDefinition.from_json(name, document) for name, document in found.items()}


class Pipeline:
    """A whole pipeline: its root, its components, its executors and their platform settings."""

    def __init__(self, spec: Mapping[str, Any], platform: Mapping[str, Any] | None = None) -> None:
        self.spec = spec
        self.platform = platform or {}
        self._components: dict[str, Component] = {}

    @property
    def name(self) -> str:
        return str(_object(self.spec, "pipelineInfo").get("name") or "pipeline")

    @cached_property
    def root(self) -> Component:
        return Component("root", _object(self.spec, "root"))

    def component(self, name: str) -> Component:
        """A component by name.

        Raises:
            EngineError: The pipeline has none of that name.
        """
        if name not in self._components:
            documents = _object(self.spec, "components")
            if name not in documents:
                raise EngineError(f"the pipeline has no component {name!r}")
            self._components[name] = Component(name, documents[name])
        return self._components[name]

    def executor(self, label: str) -> Mapping[str, Any]:
        """An executor's document: {container}, {importer}, or a kind that exists elsewhere; empty when missing."""
        return _object(_object(_object(self.spec, "deploymentSpec"), "executors"), label)

    def kubernetes(self, label: str) -> Mapping[str, Any]:
        """What the platform document asks of Kubernetes for an executor."""
        return _object(_object(_object(self._kubernetes, "deploymentSpec"), "executors"), label)

    @property
    def kubernetes_pipeline(self) -> Mapping[str, Any]:
        """What the platform document asks of Kubernetes for the pipeline as a whole."""
        return _object(self._kubernetes, "pipelineConfig")

    @property
    def deadline_seconds(self) -> float:
        """A run of it is ended after so long; 0: no limit.

        Raises:
            EngineError: What is asked for is no number.
        """
        asked = self.kubernetes_pipeline.get("activeDeadlineSeconds") or 0
        try:
            return float(asked)
        except (TypeError, ValueError) as exc:
            raise EngineError(f"the pipeline's activeDeadlineSeconds is no number: {asked!r}") from exc

    @property
    def _kubernetes(self) -> Mapping[str, Any]:
        return _object(_object(self.platform, "platforms"), "kubernetes")


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = document.get(key)
    return found if isinstance(found, Mapping) else {}


def _definitions(document: Mapping[str, Any], kind: str, what: str) -> Mapping[str, Any]:
    return _object(_object(document, kind), what)
