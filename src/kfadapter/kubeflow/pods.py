"""Logs of the pods that ran a run's tasks, from the UI's server in front of the API."""

from collections.abc import AsyncGenerator

from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.parts import Part


class Pods:
    """The front door's pods."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._namespace = namespace

    def log(
        self, pod_name: str, run_id: str, namespace: str = "", *, created_on: str = "", part: Part | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The log of a pod's main container, live or archived, in blocks as they come.

        Args:
            pod_name: One of `TaskDetail.pod_names`.
            run_id: The run it belongs to.
            namespace: Needed in multi-user installations; empty: the client's own namespace.
            part: What is wanted of it, for whoever follows it; none: everything.
            created_on: The day the run was created, as `2026-01-31`; helps to find archived logs.

        Raises:
            KubeflowNotFound: There is no such log, or no front door.
            KubeflowMalformed: A page came instead of text.
        """
        query = {
            "podname": pod_name,
            "runid": run_id,
            "podnamespace": namespace or self._namespace or "",
            "createdat": created_on,
        }
        return self._connection.front_door("/k8s/pod/logs", query, part=part)
