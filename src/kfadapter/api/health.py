"""For those who operate the service: is it alive, is it ready, how is it doing."""

import asyncio
from collections.abc import Awaitable, Iterator

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from kfadapter.api.answers import json_answer
from kfadapter.api.metrics import Metrics
from kfadapter.api.routing import PlainRoute
from kfadapter.errors import DatabaseError, KFAdapterError
from kfadapter.service import Service

READY_TIMEOUT_SECONDS = 3.0

log = structlog.get_logger(__name__)


class HealthRoutes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service = service
        self._metrics = metrics

    def routes(self) -> Iterator[PlainRoute]:
        """The routes of this group."""
        yield PlainRoute("/healthz", self.healthz, name="healthz")
        yield PlainRoute("/readyz", self.readyz, name="readyz")
        yield PlainRoute("/metrics", self.metrics, name="metrics")

    async def healthz(self, _: Request) -> Response:
        """The process runs and its loop turns."""
        return json_answer({"status": "ok"})

    async def readyz(self, _: Request) -> Response:
        """Whether Kubeflow and the database answer right now; 503 names what does not."""
        checks = dict(
            zip(
                ("kubeflow", "database"),
                await asyncio.gather(
                    self._check(self._service.kubeflow.ping()),
                    self._check(self._service.database.ping()),
                ),
                strict=True,
            )
        )
        ready = all(result == "ok" for result in checks.values())
        body = {"status": "ready" if ready else "not ready", "checks": checks}
        return json_answer(body, status=200 if ready else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text format; without the ledger's numbers while it cannot be read."""
        try:
            self._metrics.note_ledger(await self._service.ledger.counts())
            self._metrics.note_subscribers(await self._service.subscribers.counts())
        except DatabaseError as exc:
            log.warning("no numbers of the ledger", action="metrics_incomplete", reason=str(exc))
        text = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _check(self, answer: Awaitable[None]) -> str:
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await answer
        except TimeoutError:
            return f"no answer within {READY_TIMEOUT_SECONDS:g} seconds"
        except KFAdapterError as exc:
            return str(exc)
        return "ok"
