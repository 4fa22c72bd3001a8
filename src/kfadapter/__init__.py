"""kfadapter: the bridge between a Training Manager and Kubeflow Pipelines.

`Client` and `AsyncClient` talk to a running adapter; they are loaded when they are asked for, so that everything else
starts quickly.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfadapter.client import AsyncClient, Client

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> Any:
    if name in ("AsyncClient", "Client"):
        from kfadapter import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
