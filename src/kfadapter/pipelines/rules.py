"""What Kubeflow asks of a pipeline beyond being YAML: checked here, so that it never sees a package it must refuse.

The authority on the format is KFP's own protobuf. Fields it does not know yet are left to Kubeflow, which may be newer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from kfadapter.errors import PackageError
from kfadapter.pipelines.ir_proto import pipeline_spec_pb2
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import get

SCHEMA_VERSION = "2.1.0"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_SPEC_FIELDS = ("pipelineInfo", "root", "deploymentSpec", "components", "schemaVersion", "sdkVersion")


def choose_documents(
    documents: Sequence[JSON],
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, bool]:
    """The pipeline's document, its platform document if there is one, and whether they came as one nested document.

    As in Kubeflow's server: one pipeline, at most one platform document for Kubernetes, anything else is passed over.

    Raises:
        PackageError: There is no pipeline among them, or more than one; or they are of an older format.
    """
    objects = [_as_object(document, number) for number, document in enumerate(documents, start=1)]
    for document in objects:
        _refuse_older(document)
    nested = [document for document in objects if _is_nested(document)]
    if nested:
        return _from_pair(nested, objects)
    pipelines = [document for document in objects if _is_pipeline(document)]
    if len(pipelines) > 1:
        raise PackageError(f"the file holds {len(pipelines)} pipelines; upload each by itself")
    if not pipelines:
        raise PackageError(_why_no_pipeline(objects))
    return pipelines[0], _platform([document for document in objects if document is not pipelines[0]]), False


def _as_object(document: JSON, number: int) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise PackageError(f"document {number} of the file is {_kind(document)}, not a pipeline")
    return document


def _kind(value: JSON) -> str:
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else "a number or a truth value"


def _refuse_older(document: Mapping[str, Any]) -> None:
    if str(document.get("apiVersion", "")).startswith("argoproj.io/") and "kind" in document:
        raise PackageError(
            f"this is a KFP v1 pipeline (an Argo {_word(document['kind'])}); compile it with kfp 2 or later"
        )
    if str(document.get("apiVersion", "")).startswith("tekton.dev/"):
        raise PackageError("this is a KFP v1 pipeline for Tekton; compile it with kfp 2 or later")
    if ("pipelineSpec" in document or "pipeline_spec" in document) and get(document, "runtimeConfig") is not None:
        raise PackageError(
            "this is a pipeline job, as kfp 1.8 compiled for Vertex AI, not a pipeline; compile it with kfp 2 or later"
        )


def _word(value: object) -> str:
    return value[:40] if isinstance(value, str) else "resource"


def _is_nested(document: Mapping[str, Any]) -> bool:
    return isinstance(get(document, "pipelineSpec"), Mapping)


def _from_pair(
    nested: Sequence[Mapping[str, Any]], objects: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, bool]:
    if len(objects) > 1:
        raise PackageError("a document that holds pipeline_spec and platform_spec must be alone in its file")
    pipeline, platform = get(nested[0], "pipelineSpec"), get(nested[0], "platformSpec")
    if platform is not None and not isinstance(platform, Mapping):
        raise PackageError("is not an object", path="platform_spec")
    if not _is_pipeline(pipeline):
        raise PackageError(_why_no_pipeline([pipeline]), path="pipeline_spec")
    return pipeline, platform or None, True


def _is_pipeline(document: Mapping[str, Any]) -> bool:
    return any(get(document, name) is not None for name in _SPEC_FIELDS)


def _platform(others: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    platforms = [document for document in others if isinstance(document.get("platforms"), dict)]
    for_kubernetes = [document for document in platforms if "kubernetes" in document["platforms"]]
    if len(for_kubernetes) > 1:
        raise PackageError("the file holds more than one platform document for Kubernetes")
    return next(iter(for_kubernetes or platforms), None)


def _why_no_pipeline(objects: Sequence[Mapping[str, Any]]) -> str:
    if any("platforms" in document for document in objects):
        return "the file holds only platform settings, no pipeline"
    if any("implementation" in document for document in objects):
        return "this is a component, not a pipeline; compile a pipeline that uses it with kfp 2"
    if any("apiVersion" in document for document in objects):
        return "this is a Kubernetes resource, not a pipeline compiled by kfp 2"
    return "the file holds no pipeline as kfp 2 compiles it (no pipelineInfo, no root)"


def check_pipeline(pipeline: Mapping[str, Any], platform: Mapping[str, Any] | None) -> None:
    """Refuse a pipeline that Kubeflow would refuse at its upload, or that could never run.

    Raises:
        PackageError: Names the path and what is wrong there.
    """
    message = _parse(pipeline, "PipelineSpec", "pipeline")
    if platform is not None:
        _parse(platform, "PlatformSpec", "platform document")
    check_version(message.schema_version)
    check_name(message.pipeline_info.name)
    if not message.HasField("root"):
        raise PackageError("the pipeline has no root: it says nothing of what is to be done", path="root")
    _check_references(message)


def _parse(document: Mapping[str, Any], kind: str, what: str) -> Any:
    message = getattr(pipeline_spec_pb2(), kind)()
    try:
        json_format.ParseDict(dict(document), message, ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise PackageError(f"the {what} is not as KFP's format asks: {_first_line(exc)}") from exc
    return message


def _first_line(exc: Exception) -> str:
    text = (str(exc).splitlines() or [type(exc).__name__])[0]
    return text if len(text) <= 300 else text[:297] + "..."


def check_version(version: str) -> None:
    """Refuse a version of the format that Kubeflow does not take.

    Raises:
        PackageError: It is another one, or none.
    """
    if version != SCHEMA_VERSION:
        found = f"it is {version[:40]!r}" if version else "it is missing"
        raise PackageError(f"Kubeflow takes only {SCHEMA_VERSION}, but {found}", path="schemaVersion")


def check_name(name: str) -> None:
    """Refuse a name that Kubeflow does not take.

    Raises:
        PackageError: It breaks the rules for names, or there is none.
    """
    if not name:
        raise PackageError("the pipeline has no name", path="pipelineInfo.name")
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 60 else name[:57] + "..."
        raise PackageError(
            f"{shown!r} is not a name Kubeflow takes: lower-case letters, digits and '-', "
            "a letter or digit first, at most 128 characters",
            path="pipelineInfo.name",
        )


def _check_references(message: Any) -> None:
    executors = message.deployment_spec.fields["executors"].struct_value.fields
    for path, component in _all_components(message):
        label = component.executor_label
        if component.HasField("executor_label") and label not in executors:
            raise PackageError(f"there is no executor {label!r}", path=f"{path}.executorLabel")
        _check_tasks(component.dag, f"{path}.dag", message.components)


def _check_tasks(dag: Any, path: str, components: Any) -> None:
    for task_name, task in dag.tasks.items():
        task_path, component = f"{path}.tasks.{task_name}", task.component_ref.name
        if component not in components:
            raise PackageError(f"there is no component {component!r}", path=f"{task_path}.componentRef")
        _check_known(_needed(task, task_path), dag.tasks)
    _check_known(_selected(dag.outputs, f"{path}.outputs"), dag.tasks)


def _all_components(message: Any) -> Iterator[tuple[str, Any]]:
    yield "root", message.root
    for name, component in message.components.items():
        yield f"components.{name}", component


def _check_known(references: Iterable[tuple[str, str]], tasks: Any) -> None:
    for path, name in references:
        if name not in tasks:
            raise PackageError(f"there is no task {name!r} beside it", path=path)


def _needed(task: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every task that a task names, with the place where it does."""
    for name in task.dependent_tasks:
        yield f"{path}.dependentTasks", name
    for name, value in task.inputs.parameters.items():
        for kind in ("task_output_parameter", "task_final_status"):
            if value.HasField(kind):
                yield f"{path}.inputs.parameters.{name}", getattr(value, kind).producer_task
    for name, artifact in task.inputs.artifacts.items():
        if artifact.HasField("task_output_artifact"):
            yield f"{path}.inputs.artifacts.{name}", artifact.task_output_artifact.producer_task


def _selected(outputs: Any, path: str) -> Iterator[tuple[str, str]]:
    for name, parameter in outputs.parameters.items():
        selectors = [parameter.value_from_parameter] if parameter.HasField("value_from_parameter") else []
        for selector in [*selectors, *parameter.value_from_oneof.parameter_selectors]:
            yield f"{path}.parameters.{name}", selector.producer_subtask
    for name, artifact in outputs.artifacts.items():
        for selector in artifact.artifact_selectors:
            yield f"{path}.artifacts.{name}", selector.producer_subtask
