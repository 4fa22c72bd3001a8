"""What the server is: asked once, so that each version gets the calls it knows."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from kfadapter.clock import Clock
from kfadapter.kubeflow.backoff import Deadline
from kfadapter.kubeflow.connection import Connection, Document

CASCADE_SINCE = (2, 14)
NATIVE_TASKS_SINCE = (3, 0)
EMBEDDED_ENGINE = "kfadapter-"
KEEP = timedelta(minutes=5)
VERSION = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """What Kubeflow says about itself.

    Attributes:
        version: Its tag as it stands in healthz; empty when it has none.
        commit: The commit it was built from.
        multi_user: True when namespaces belong to users.
        pipeline_store: Where it keeps pipelines (2.15 and later say so).
    """

    version: str
    commit: str = ""
    multi_user: bool = False
    pipeline_store: str = ""

    @cached_property
    def release(self) -> tuple[int, ...] | None:
        """The version as numbers; None when it is not a release of KFP's."""
        found = VERSION.match(self.version)
        return tuple(int(part or 0) for part in found.groups()) if found else None

    @property
    def has_cascade(self) -> bool:
        """True when a pipeline can be deleted with its versions; an unknown server is first believed to know it."""
        return self.release is None or self.release >= CASCADE_SINCE

    @property
    def is_embedded(self) -> bool:
        """True for the embedded engine."""
        return self.commit.startswith(EMBEDDED_ENGINE)

    @property
    def has_native_tasks(self) -> bool:
        """True when `runs/{id}/tasks` tells a run's tasks with their values: KFP 3.0, and the embedded engine."""
        return self.is_embedded or (self.release or (0,)) >= NATIVE_TASKS_SINCE


class Server:
    """Remembers what healthz said for a few minutes: long enough to cost nothing, short enough for an upgrade."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._known: tuple[datetime, ServerInfo] | None = None
        self._asking = asyncio.Lock()

    async def info(self, *, deadline: Deadline | None = None) -> ServerInfo:
        """What the server is; asked again when the last answer is old or there was none."""
        async with self._asking:
            if self._known is not None and self._clock.now() - self._known[0] < KEEP:
                return self._known[1]
            info = _info(await self._connection.get("/healthz", deadline=deadline))
            self._known = (self._clock.now(), info)
            return info

    async def look(self, *, within_seconds: float) -> ServerInfo:
        """Ask now, whatever is remembered.

        Args:
            within_seconds: When to give up.

        Raises:
            KubeflowError: No sign of life within that time.
        """
        info = _info(await self._connection.get("/healthz", deadline=Deadline.after(within_seconds)))
        self._known = (self._clock.now(), info)
        return info

    @property
    def last_seen(self) -> ServerInfo | None:
        """What it said last, however long ago; None when it never answered."""
        return self._known[1] if self._known is not None else None

    async def ping(self) -> None:
        """Ask for a sign of life; raises what went wrong."""
        await self._connection.get("/healthz")


def _info(document: Document) -> ServerInfo:
    return ServerInfo(
        version=str(document.get("tag_name", "")),
        commit=str(document.get("commit_sha", "")),
        multi_user=document.get("multi_user") is True,
        pipeline_store=str(document.get("pipeline_store", "")),
    )
