"""What a fake Kubeflow's ML Metadata has recorded of runs, as KFP's driver and launcher would have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False, kw_only=True)
class FakeArtifact:
    """An artifact; the same object as one task's output and another's input is one record.

    Attributes:
        name: For people, as KFP notes it.
        type: Empty: an old store, which tells types by their numbers only.
        metadata: As the task wrote it.
    """

    name: str = ""
    type: str = "system.Artifact"
    uri: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True)
class FakeExecution:
    """An execution.

    Attributes:
        type: ML Metadata's word for what it is.
        parent: The group it is in; None: the run itself.
        inputs, outputs: Parameters by name; None: none are noted.
        input_artifacts, output_artifacts: By the task's names for them.
        cached_from: The id of the execution whose outputs were used again; empty: it ran.
        state: As `Execution.State` numbers it; 3: COMPLETE.
    """

    task_name: str
    display_name: str = ""
    type: str = "system.ContainerExecution"
    parent: "FakeExecution | None" = None
    pod_name: str = ""
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    input_artifacts: Mapping[str, Sequence[FakeArtifact]] = field(default_factory=dict)
    output_artifacts: Mapping[str, Sequence[FakeArtifact]] = field(default_factory=dict)
    iteration_index: int | None = None
    iteration_count: int | None = None
    cached_from: str = ""
    state: int = 3

    @property
    def artifacts(self) -> list[FakeArtifact]:
        """All it used and made."""
        return [
            one
            for by_name in (self.input_artifacts, self.output_artifacts)
            for some in by_name.values()
            for one in some
        ]


class MetadataWorld:
    """The records, numbered in the order they came; not safe for threads by itself."""

    def __init__(self) -> None:
        self.runs: dict[str, list[FakeExecution]] = {}
        self.executions: list[FakeExecution] = []
        self.artifacts: list[FakeArtifact] = []

    def record(self, run_id: str, executions: Sequence[FakeExecution]) -> None:
        """Add executions of a run; the first ones bring the run's own with them."""
        if run_id not in self.runs:
            root = FakeExecution(task_name="", type="system.DAGExecution")
            self.runs[run_id] = []
            executions = (root, *executions)
        self.runs[run_id] += executions
        self.executions += executions
        for artifact in (one for execution in executions for one in execution.artifacts):
            if artifact not in self.artifacts:
                self.artifacts.append(artifact)

    def root(self, execution: FakeExecution) -> FakeExecution | None:
        """The run's own execution; None of itself."""
        own = next((some[0] for some in self.runs.values() if execution in some), None)
        return None if own is execution else own

    def context_id(self, run_id: str) -> int:
        """The number of a run; 0 when nothing is recorded of it."""
        return 1 + list(self.runs).index(run_id) if run_id in self.runs else 0

    def of_context(self, context_id: int) -> list[FakeExecution]:
        """What is recorded of the run with this number."""
        return list(self.runs.values())[context_id - 1] if 0 < context_id <= len(self.runs) else []

    def execution_id(self, execution: FakeExecution) -> int:
        return 1 + self.executions.index(execution)

    def artifact_id(self, artifact: FakeArtifact) -> int:
        return 1 + self.artifacts.index(artifact)
