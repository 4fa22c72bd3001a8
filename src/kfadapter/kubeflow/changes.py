"""Changing pipelines and versions: display name and tags are all that KFP lets change, and only since 2.17."""

from collections.abc import Mapping

import orjson

from kfadapter.errors import KubeflowInvalid, KubeflowMalformed, Unavailable
from kfadapter.kubeflow.connection import Connection, Document
from kfadapter.kubeflow.features import CHANGES

# Older gateways know the path but not the method: 405 as text (2.3.0), 501 as JSON (later ones).
NO_SUCH_METHOD = frozenset({404, 405, 501})


def changes(display_name: str, tags: Mapping[str, str] | None) -> Document:
    """The body of a change: what is not given stays as it is."""
    body: Document = {"display_name": display_name} if display_name else {}
    if tags is not None:
        body["tags"] = dict(tags)
    return body


async def patched(connection: Connection, path: str, body: Document) -> Document:
    """Send a change.

    Raises:
        Unavailable: This Kubeflow does not know the call.
    """
    try:
        return await connection.patch(path, body)
    except (KubeflowInvalid, KubeflowMalformed) as exc:
        if exc.status not in NO_SUCH_METHOD:
            raise
        raise Unavailable(CHANGES.name, CHANGES.sentence) from exc


def tags_text(tags: Mapping[str, str] | None) -> str:
    """Tags as an upload's query parameter; empty when there are none."""
    return orjson.dumps(dict(tags)).decode() if tags else ""
