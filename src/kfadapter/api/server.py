"""`/v1/server`: what Kubeflow this is, and what it cannot do. Answers soon, also while Kubeflow hangs."""

from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter
from starlette.responses import Response

from kfadapter import __version__
from kfadapter.api.answers import json_answer
from kfadapter.api.bounded import BoundedRoute
from kfadapter.api.schemas.server import ServerAnswer
from kfadapter.errors import KubeflowError
from kfadapter.kubeflow.features import is_proven, missing
from kfadapter.kubeflow.server import ServerInfo
from kfadapter.service import Service

WAIT_SECONDS = 1.5


def server_router(service: Service) -> APIRouter:
    """The route of the server."""
    router = APIRouter(prefix="/v1/server", tags=["server"], route_class=BoundedRoute.of(service.settings))
    kubeflow, settings = service.kubeflow, service.settings

    @router.get("", summary="What Kubeflow this is, and what is degraded", response_model=ServerAnswer)
    async def read_server() -> Response:
        problem = None
        try:
            info: ServerInfo | None = await kubeflow.look(within_seconds=WAIT_SECONDS)
        except KubeflowError as exc:
            info, problem = kubeflow.last_seen, str(exc)
        return json_answer(
            {
                "adapter_version": __version__,
                "kubeflow": {
                    "url": _shown(kubeflow.base_url),
                    "kind": _kind(info, is_embedded=settings.kubeflow_base_url is None),
                    "reachable": problem is None,
                    "problem": problem,
                    "version": (info.version or None) if info else None,
                    "commit": (info.commit or None) if info else None,
                    "multi_user": info.multi_user if info else None,
                    "pipeline_store": (info.pipeline_store or None) if info else None,
                    "namespace": settings.kubeflow_namespace,
                    "proven": is_proven(info) if info else None,
                },
                "degraded": [
                    {"feature": one.name, "since": one.since, "detail": one.sentence}
                    for one in (missing(info) if info else ())
                ],
            }
        )

    return router


def _shown(url: str) -> str:
    """An address without the password it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _kind(info: ServerInfo | None, *, is_embedded: bool) -> str:
    """A remote `kfadapter engine` is an embedded engine too: it says so itself."""
    if is_embedded or (info is not None and info.is_embedded):
        return "embedded"
    return "cluster" if info is not None else "unknown"
