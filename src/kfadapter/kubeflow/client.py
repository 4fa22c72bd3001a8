"""The client of one Kubeflow Pipelines installation, v2beta1, from 2.3.0 to 2.17."""

from types import TracebackType
from typing import Self

from kfadapter.clock import Clock, SystemClock
from kfadapter.kubeflow.artifacts import Artifacts
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.experiments import Experiments
from kfadapter.kubeflow.metadatastore import MetadataStore
from kfadapter.kubeflow.pipelines import Pipelines
from kfadapter.kubeflow.pods import Pods
from kfadapter.kubeflow.recurringruns import RecurringRuns
from kfadapter.kubeflow.runs import Runs
from kfadapter.kubeflow.server import Server, ServerInfo
from kfadapter.kubeflow.tasks import Tasks
from kfadapter.kubeflow.taskvalues import TaskValues
from kfadapter.kubeflow.versions import Versions


class Kubeflow:
    """Kubeflow Pipelines, one attribute for each of its resources.

    Args:
        base_url: With or without a path prefix: `http://ml-pipeline-ui.kubeflow:80/pipeline`, `http://localhost:8888`.
        timeout_seconds: Limit for every operation as a whole, with its retries and all pages of its lists.
        namespace: Sent where multi-user installations want one; None: never sent.
        clock: Tells the time of day.

    Use it as `async with Kubeflow(url) as kubeflow`, or call `open` and `close`. All methods raise the errors below
    `kfadapter.errors.KubeflowError`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 10.0,
        namespace: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._connection = Connection(base_url, timeout_seconds=timeout_seconds, clock=clock)
        self._server = Server(self._connection, clock)
        self.versions = Versions(self._connection, self._server)
        self.pipelines = Pipelines(self._connection, self._server, self.versions, namespace=namespace)
        self.experiments = Experiments(self._connection, namespace=namespace)
        self.runs = Runs(self._connection, namespace=namespace)
        self.recurring_runs = RecurringRuns(self._connection, namespace=namespace)
        values = TaskValues(MetadataStore(self._connection, clock), clock)
        self.tasks = Tasks(self._connection, self._server, values)
        self.pods = Pods(self._connection, namespace=namespace)
        self.artifacts = Artifacts(self._connection, namespace=namespace)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """The address, without a slash at its end."""
        return self._connection.base_url

    @property
    def timeout_seconds(self) -> float:
        return self._connection.timeout_seconds

    async def open(self) -> None:
        """Get ready; sends nothing, so it succeeds while Kubeflow is away."""
        await self._connection.open()

    async def close(self) -> None:
        """Close every connection; calls under way fail."""
        await self._connection.close()

    async def server(self) -> ServerInfo:
        """What the server is; remembered for some minutes."""
        return await self._server.info()

    async def look(self, *, within_seconds: float) -> ServerInfo:
        """What the server says about itself right now; raises a KubeflowError when it does not within this time."""
        return await self._server.look(within_seconds=within_seconds)

    @property
    def last_seen(self) -> ServerInfo | None:
        """What the server said last, however long ago; None when it never answered."""
        return self._server.last_seen

    async def ping(self) -> None:
        """Return when Kubeflow gives a sign of life, raise a KubeflowError otherwise."""
        await self._server.ping()
