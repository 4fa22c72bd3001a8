"""What the engine cannot honour in a pipeline, found before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kfadapter.engine.running import cel
from kfadapter.engine.running.abilities import Abilities
from kfadapter.engine.running.executor_findings import executor_findings
from kfadapter.engine.running.findings import Finding, refused, warned
from kfadapter.engine.running.ir import Component, Pipeline, Task
from kfadapter.errors import EngineError

HONOURED = frozenset({"activeDeadlineSeconds", "workspace"})
"""What a pipeline may ask of Kubernetes as a whole, and has."""


def preflight(
    pipeline_spec: Mapping[str, Any], platform_spec: Mapping[str, Any] | None, able: Abilities
) -> tuple[Finding, ...]:
    """Everything in a pipeline that would not be honoured, in the order of its tasks.

    Args:
        pipeline_spec: The IR document (PipelineSpec as JSON).
        platform_spec: The second document (`platforms`), or None.
        able: What the engine can do.
    """
    return tuple(dict.fromkeys(_Inspection(Pipeline(pipeline_spec, platform_spec), able).findings()))


def refusal(pipeline: Pipeline, able: Abilities, component: Component) -> str | None:
    """Why a component cannot be executed here, in a sentence; None when it can."""
    found = [one.message for one in executor_findings(pipeline, component, "", able) if one.severity == "refused"]
    return "; ".join(dict.fromkeys(found)) or None


class _Inspection:
    def __init__(self, pipeline: Pipeline, able: Abilities) -> None:
        self._pipeline = pipeline
        self._able = able

    def findings(self) -> Iterator[Finding]:
        for name in self._pipeline.kubernetes_pipeline:
            if name not in HONOURED:
                yield warned("", name, f"the pipeline's Kubernetes setting {name} is ignored")
        try:
            _ = self._pipeline.deadline_seconds
        except EngineError as exc:
            yield refused("", "activeDeadlineSeconds", str(exc))
        root = self._pipeline.root
        for name, declared in root.input_artifacts.items():
            if not declared.is_optional:
                yield refused(
                    "", "input artifact", f"it needs the input artifact {name!r}, and a run can be given none"
                )
        if root.is_dag:
            yield from self._dag(root, "", (), optional=False)
        else:
            yield refused("", "no DAG", "the pipeline has no tasks")

    def _dag(self, component: Component, path: str, around: tuple[str, ...], *, optional: bool) -> Iterator[Finding]:
        if component.circle:
            yield refused(path, "circle", component.circle)
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
            yield refused(path, "missing component", str(exc))
            return
        if component.name in around:
            yield refused(path, "recursion", f"component {component.name!r} contains itself")
        elif component.is_dag:
            if task.retry.get("maxRetryCount"):
                yield warned(path, "retries", "a DAG is not tried again as a whole, only tasks in it are")
            yield from self._dag(component, path, (*around, component.name), optional=optional)
        else:
            yield from executor_findings(self._pipeline, component, path, self._able)


def _condition_findings(task: Task, path: str) -> Iterator[Finding]:
    if task.condition:
        try:
            cel.parse(task.condition)
        except EngineError as exc:
            yield refused(path, "condition", str(exc))
