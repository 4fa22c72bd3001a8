"""What the engine cannot honour in a pipeline, found before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from kfadapter.engine.running import cel
from kfadapter.engine.running.commands import is_lightweight
from kfadapter.engine.running.ir import Component, Pipeline, Task
from kfadapter.errors import EngineError

Severity = Literal["refused", "warning"]

# Kubernetes settings of an executor that a task cannot do without.
NEEDED = {
    "secretAsEnv": "a Kubernetes secret as environment variable",
    "secretAsVolume": "a Kubernetes secret as volume",
    "configMapAsEnv": "a Kubernetes config map as environment variable",
    "configMapAsVolume": "a Kubernetes config map as volume",
    "fieldPathAsEnv": "a field of its pod as environment variable",
    "pvcMount": "a persistent volume claim",
    "emptyDirMounts": "an empty-directory volume",
    "genericEphemeralVolume": "an ephemeral volume",
}
HONOURED = frozenset({"activeDeadlineSeconds"})
CLAIM_IMAGES = {"argostub/createpvc": "creating a volume claim", "argostub/deletepvc": "deleting a volume claim"}
LIMITS = {
    "cpuLimit": "CPU limit",
    "memoryLimit": "memory limit",
    "cpuRequest": "CPU request",
    "memoryRequest": "memory request",
    "resourceCpuLimit": "CPU limit",
    "resourceMemoryLimit": "memory limit",
    "resourceCpuRequest": "CPU request",
    "resourceMemoryRequest": "memory request",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a pipeline asks for that the engine does not give.

    Attributes:
        task: The task's path below the root, as `loop.train`; empty for the pipeline as a whole.
        feature: What was asked for, in a few words.
        severity: `refused`: a run cannot start; `warning`: the run goes on without it. What stands under a condition
            is only warned of, since it may never run; when it does, the task fails and says why.
        message: A sentence for a person.
    """

    task: str
    feature: str
    severity: Severity
    message: str

    @property
    def sentence(self) -> str:
        """Task, feature and reason in one line."""
        where = f"task {self.task}: " if self.task else ""
        return f"{where}{self.feature}: {self.message}"


def preflight(pipeline_spec: Mapping[str, Any], platform_spec: Mapping[str, Any] | None) -> tuple[Finding, ...]:
    """Everything in a pipeline that would not be honoured, in the order of its tasks.

    Args:
        pipeline_spec: The IR document (PipelineSpec as JSON).
        platform_spec: The second document (`platforms`), or None.
    """
    return tuple(dict.fromkeys(_Inspection(Pipeline(pipeline_spec, platform_spec)).findings()))


def refusal(pipeline: Pipeline, component: Component) -> str | None:
    """Why a component cannot be executed here, in a sentence; None when it can."""
    found = [one.message for one in executor_findings(pipeline, component, "") if one.severity == "refused"]
    return "; ".join(dict.fromkeys(found)) or None


class _Inspection:
    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def findings(self) -> Iterator[Finding]:
        for name in self._pipeline.kubernetes_pipeline:
            if name != "workspace":
                message = f"the pipeline's Kubernetes setting {name} is ignored"
                yield Finding(task="", feature=name, severity="warning", message=message)
        root = self._pipeline.root
        if root.is_dag:
            yield from self._dag(root, "", (), optional=False)
        else:
            yield _refused("", "no DAG", "the pipeline has no tasks")

    def _dag(self, component: Component, path: str, around: tuple[str, ...], *, optional: bool) -> Iterator[Finding]:
        for name, task in component.tasks.items():
            inside = f"{path}.{name}" if path else name
            may_be_skipped = optional or bool(task.condition)
            for one in self._task(task, inside, around, optional=may_be_skipped):
                yield replace(one, severity="warning") if may_be_skipped and one.severity == "refused" else one

    def _task(self, task: Task, path: str, around: tuple[str, ...], *, optional: bool) -> Iterator[Finding]:
        yield from _condition_findings(task, path)
        try:
            component = self._pipeline.component(task.component)
        except EngineError as exc:
            yield _refused(path, "missing component", str(exc))
            return
        if component.name in around:
            yield _refused(path, "recursion", f"component {component.name!r} contains itself")
        elif component.is_dag:
            yield from self._dag(component, path, (*around, component.name), optional=optional)
        else:
            yield from executor_findings(self._pipeline, component, path)


def _refused(task: str, feature: str, message: str) -> Finding:
    return Finding(task=task, feature=feature, severity="refused", message=message)


def _warning(task: str, feature: str) -> Finding:
    message = f"{feature} is not enforced: the task runs as a process of this machine"
    return Finding(task=task, feature=feature, severity="warning", message=message)


def _condition_findings(task: Task, path: str) -> Iterator[Finding]:
    if task.condition:
        try:
            cel.parse(task.condition)
        except EngineError as exc:
            yield _refused(path, "condition", str(exc))


def executor_findings(pipeline: Pipeline, component: Component, path: str) -> Iterator[Finding]:
    """What of one executor would not be honoured."""
    executor = pipeline.executor(component.executor_label)
    if "container" in executor:
        yield from _container_findings(executor["container"], path)
        yield from _kubernetes_findings(pipeline.kubernetes(component.executor_label), path)
    elif "importer" in executor:
        if executor["importer"].get("downloadToWorkspace"):
            yield _refused(path, "download to workspace", "an importer cannot download into the workspace here")
    elif not executor:
        yield _refused(path, "missing executor", f"the pipeline has no executor {component.executor_label!r}")
    else:
        kind = next(iter(executor))
        yield _refused(path, kind, f"an executor of the kind {kind} does not exist in Kubeflow Pipelines' open source")


def _container_findings(container: Mapping[str, Any], path: str) -> Iterator[Finding]:
    image = str(container.get("image", ""))
    if image in CLAIM_IMAGES:
        yield _refused(path, CLAIM_IMAGES[image], f"{CLAIM_IMAGES[image]} needs Kubernetes")
    elif not is_lightweight([str(word) for word in container.get("command") or ()]):
        yield _refused(
            path,
            f"container image {image}",
            f"it runs a command of the image {image}, and containers are not run here, only Python components",
        )
    resources = container.get("resources") or {}
    if accelerator := resources.get("accelerator"):
        kind = accelerator.get("resourceType") or accelerator.get("type") or "accelerator"
        yield _refused(
            path, f"accelerator {kind}", f"it asks for an accelerator ({kind}), which the engine cannot give"
        )
    for key in LIMITS.keys() & resources.keys():
        yield _warning(path, LIMITS[key])


def _kubernetes_findings(settings: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for key in settings:
        if key in NEEDED:
            yield _refused(path, NEEDED[key], f"it needs {NEEDED[key]}, which only Kubernetes has")
        elif key not in HONOURED:
            message = f"the Kubernetes setting {key} is ignored"
            yield Finding(task=path, feature=key, severity="warning", message=message)
