"""What Kubeflow this is."""

from typing import Literal

from pydantic import Field

from kfadapter.api.schemas.shape import Shape


class DegradedFeature(Shape):
    """Something this Kubeflow cannot do."""

    feature: str
    since: str = Field(description="The first release of KFP that can.")
    detail: str


class KubeflowServer(Shape):
    """The Kubeflow Pipelines behind the adapter."""

    url: str
    kind: Literal["embedded", "cluster", "unknown"]
    reachable: bool
    problem: str | None = Field(description="Why it is not reachable; what follows is then what it said last, if ever.")
    version: str | None
    commit: str | None
    multi_user: bool | None
    pipeline_store: str | None
    namespace: str | None = Field(description="What the adapter sends in multi-user installations.")
    proven: bool | None = Field(description="The release is one the adapter is tested with (2.3.0 to 2.17).")


class ServerAnswer(Shape):
    """The adapter and the Kubeflow behind it."""

    adapter_version: str
    kubeflow: KubeflowServer
    degraded: list[DegradedFeature]
