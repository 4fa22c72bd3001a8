"""A scriptable Kubeflow Pipelines server for tests: `FakeKubeflow`."""

from kfadapter.testing.faults import Fault
from kfadapter.testing.kubeflow.metadata_world import FakeArtifact, FakeExecution
from kfadapter.testing.kubeflow.server import EMPTY_SPEC, FakeKubeflow

__all__ = ["EMPTY_SPEC", "FakeArtifact", "FakeExecution", "FakeKubeflow", "Fault"]
