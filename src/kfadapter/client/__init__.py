"""The typed client of a running adapter: `kfadapter.Client`, and `kfadapter.AsyncClient` for asyncio.

Requests are built, and answers read, by pure functions (`calls`, one module a resource) that both clients share.
"""

from kfadapter.client.asynchronous import AsyncClient
from kfadapter.client.errors import (
    BadRequest,
    ClientError,
    Conflict,
    Forbidden,
    KubeflowAway,
    NoAnswer,
    NotAnAdapter,
    NotAvailable,
    NotFound,
    Refused,
    RunTimeout,
)
from kfadapter.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "KubeflowAway",
    "NoAnswer",
    "NotAnAdapter",
    "NotAvailable",
    "NotFound",
    "Refused",
    "RunTimeout",
]
