"""`GET /liveness`: the process answers. Says nothing about Kubeflow, on purpose (`/readyz` does)."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kfadapter.api.trainingmanager.operation import Operation


class LivenessRoutes:
    """Liveness."""

    def operations(self) -> Iterator[Operation]:
        """The route of this group."""
        yield Operation(method="GET", path="/liveness", handle=self.read)

    async def read(self, _: Request) -> Response:
        """Upstream's answer to the letter: `Okay`, as text/html; charset=utf-8."""
        return HTMLResponse("Okay")
