"""Prometheus metrics: requests by route and status, how long they took, training runs and notifications by state."""

import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one service; a registry of its own, so that two services in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kfadapter_http_requests_total",
            "Requests answered.",
            ("route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "kfadapter_http_request_seconds",
            "Time from request to the end of its answer.",
            ("route",),
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.ledger = {
            "runs": Gauge("kfadapter_training_runs", "Training runs by state.", ("state",), registry=self.registry),
            "notifications": Gauge(
                "kfadapter_notifications", "Notifications by state.", ("state",), registry=self.registry
            ),
        }

        self.subscribers = {
            "subscriptions": Gauge(
                "kfadapter_subscriptions", "Subscriptions by state.", ("state",), registry=self.registry
            ),
            "deliveries": Gauge(
                "kfadapter_deliveries", "Deliveries to subscribers by state.", ("state",), registry=self.registry
            ),
        }

    def note_ledger(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Take over how many rows the ledger has in each state."""
        _take_over(self.ledger, counts)

    def note_subscribers(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Take over how many subscriptions and deliveries there are in each state."""
        _take_over(self.subscribers, counts)


def _take_over(gauges: Mapping[str, Gauge], counts: Mapping[str, Mapping[str, int]]) -> None:
    for name, gauge in gauges.items():
        gauge.clear()
        for state, count in counts[name].items():
            gauge.labels(state).set(count)


class MeasuredApp:
    """Counts and times every request of the app inside."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._note(scope, status, time.perf_counter() - started)

        await self._app(scope, receive, send_and_note)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "(none)"
        self._metrics.requests.labels(f"{scope['method']} {route}", str(status)).inc()
        self._metrics.seconds.labels(f"{scope['method']} {route}").observe(seconds)
