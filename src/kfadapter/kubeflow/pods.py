"""Logs of the pods that ran a run's tasks, from the UI's server in front of the API."""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from kfadapter.errors import KubeflowError, KubeflowMalformed, KubeflowNotFound
from kfadapter.kubeflow.connection import Connection
from kfadapter.kubeflow.parts import Part

DESCRIPTION_LIMIT_BYTES = 4 * 1024 * 1024
DEFAULT_NAMESPACE = "kubeflow"
# KFP tells the name of Argo's node: the workflow's, which ends in five letters, and a hash. Since Argo 3.4 the pod's
# name has that of its template between them, which for KFP's tasks is always this one.
NODE_NAME = re.compile(r"(.+-[a-z0-9]{5})-(\d{7,10})")
TASK_TEMPLATE = "system-container-impl"
# What the UI's server answers for a pod that is not there, depending on its release.
MISSING = frozenset({404, 500})


class Pods:
    """The front door's pods."""

    def __init__(self, connection: Connection, *, namespace: str | None = None) -> None:
        self._connection = connection
        self._namespace = namespace

    async def log(
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
        query = {"runid": run_id, "podnamespace": namespace or self._namespace or "", "createdat": created_on}
        names = possible_names(pod_name)
        for name in names:
            is_begun = False
            try:
                blocks = self._connection.front_door("/k8s/pod/logs", {"podname": name, **query}, part=part)
                async with aclosing(blocks):
                    async for block in blocks:
                        is_begun = True
                        yield block
                return
            except KubeflowError as exc:
                if is_begun or name == names[-1] or not _is_missing(exc):
                    raise

    async def describe(self, pod_name: str, namespace: str = "") -> Mapping[str, Any]:
        """A pod as Kubernetes has it.

        Raises:
            KubeflowNotFound: There is no such pod (any more), or no front door.
            KubeflowMalformed: Something else came than JSON.
        """
        *others, last = possible_names(pod_name)
        for name in others:
            try:
                return await self._document("/k8s/pod", name, namespace)
            except KubeflowError as exc:
                if not _is_missing(exc):
                    raise
        return await self._document("/k8s/pod", last, namespace)

    async def events(self, pod_name: str, namespace: str = "") -> list[Mapping[str, Any]]:
        """What Kubernetes noted about a pod: scheduling, images, kills. Raises as `describe`."""
        for name in possible_names(pod_name):
            items = (await self._document("/k8s/pod/events", name, namespace)).get("items")
            if isinstance(items, list) and items:
                return [one for one in items if isinstance(one, dict)]
        return []

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


def possible_names(pod_name: str) -> tuple[str, ...]:
    """What a pod may be called that is told by this name, first as it is told.

    >>> possible_names("train-x7f2k-1234567890")
    ('train-x7f2k-1234567890', 'train-x7f2k-system-container-impl-1234567890')
    """
    node = NODE_NAME.fullmatch(pod_name)
    return (pod_name, f"{node[1]}-{TASK_TEMPLATE}-{node[2]}") if node else (pod_name,)


def _is_missing(error: KubeflowError) -> bool:
    return isinstance(error, KubeflowNotFound) or error.status in MISSING
