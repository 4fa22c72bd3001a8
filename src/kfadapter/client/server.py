"""The adapter and the Kubeflow behind it: `client.server()`."""

from kfadapter.client.calls import Call, path, reader
from kfadapter.client.results import Server


def server_call() -> Call[Server]:
    """What Kubeflow this is."""
    return Call(method="GET", path=path("server"), read=reader(Server))
