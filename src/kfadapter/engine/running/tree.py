"""Makes the nodes of a run's tree, and knows what each may learn of its run."""

from dataclasses import dataclass
from typing import Any

from kfadapter.engine.running.ir import Component, Pipeline, Task
from kfadapter.engine.running.nodes import Kind, Node, job_name, task_id


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What tasks may learn of their run."""

    run_id: str
    display_name: str
    pipeline_root: str
    created_at: str
    workspace: str


class Tree:
    """The tree of one run: its root, and the makers of everything below."""

    def __init__(self, pipeline: Pipeline, facts: RunFacts) -> None:
        self._pipeline = pipeline
        self._facts = facts
        self.job = job_name(pipeline.name, facts.run_id)
        self.root = self._node("root", self.job, Kind.ROOT, pipeline.root, name=pipeline.name)

    def _node(self, path: str, display_name: str, kind: Kind, component: Component, **more: Any) -> Node:
        return Node(
            task_id=task_id(self._facts.run_id, path),
            path=path,
            name=more.pop("name"),
            display_name=display_name,
            kind=kind,
            component=component,
            **more,
        )

    def task(self, parent: Node, task: Task) -> Node:
        """The node of a task of a DAG.

        Raises:
            EngineError: The pipeline does not have its component.
        """
        component = self._pipeline.component(task.component)
        kind = Kind.LOOP if task.is_loop else self._kind(component)
        path = f"{parent.path}.{task.name}"
        return self._node(path, task.display_name, kind, component, name=task.name, parent=parent, task=task)

    def iteration(self, loop: Node, index: int) -> Node:
        """The node of one iteration of a loop."""
        name = f"{loop.name}-iteration-{index}"
        kind = Kind.ITERATION if loop.component.is_dag else self._kind(loop.component)
        path, display_name = f"{loop.path}.{index}", f"{loop.display_name}-iteration-{index}"
        return self._node(path, display_name, kind, loop.component, name=name, parent=loop, iteration=index)

    def _kind(self, component: Component) -> Kind:
        if component.is_dag:
            return Kind.DAG
        return Kind.IMPORTER if "importer" in self._pipeline.executor(component.executor_label) else Kind.CONTAINER

    def names(self, node: Node) -> dict[str, str]:
        """The plain placeholders of a task."""
        facts = self._facts
        return {
            "pipeline_job_name": facts.display_name,
            "pipeline_job_resource_name": self.job,
            "pipeline_job_uuid": facts.run_id,
            "pipeline_job_create_time_utc": facts.created_at,
            "pipeline_job_schedule_time_utc": facts.created_at,
            "pipeline_task_name": node.name,
            "pipeline_task_uuid": node.task_id,
            "pipeline_root": facts.pipeline_root,
            "workspace_path": facts.workspace,
        }
