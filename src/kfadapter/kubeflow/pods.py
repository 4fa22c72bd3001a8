"""Logs of the pods that ran a run's tasks, from the UI's server in front of the API."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from kfadapter.errors import KubeflowMalformed
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.parts import Part

DESCRIPTION_LIMIT_BYTES = 4 * 1024 * 1024
DEFAULT_NAMESPACE = "kubeflow"


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

    async def describe(self, pod_name: str, namespace: str = "") -> Mapping[str, Any]:
        """A pod as Kubernetes has it.

        Raises:
            KubeflowNotFound: There is no such pod (any more), or no front door.
            KubeflowMalformed: Something else came than JSON.
        """
        return await self._document("/k8s/pod", pod_name, namespace)

    async def events(self, pod_name: str, namespace: str = "") -> list[Mapping[str, Any]]:
        """What Kubernetes noted about a pod: scheduling, images, kills. Raises as `describe`."""
        items = (await self._document("/k8s/pod/events", pod_name, namespace)).get("items")
        return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []

    async def _document(self, path: str, pod_name: str, namespace: str) -> Mapping[str, Any]:
        # The UI's server wants a namespace here, also in installations that have one only.
        query = {"podname": pod_name, "podnamespace": namespace or self._namespace or DEFAULT_NAMESPACE}
        content = b""
        async with aclosing(self._connection.front_door(path, query)) as blocks:
            async for block in blocks:
                content += block
                if len(content) > DESCRIPTION_LIMIT_BYTES:
                    raise KubeflowMalformed("the description of a pod is larger than 4 MiB")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as exc:
            raise KubeflowMalformed("the description of a pod is not JSON") from exc
        return document if isinstance(document, dict) else {}
