"""Forgetting: events and deliveries are kept for a time, and events up to a number."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError
from kfadapter.events import log as event_log
from kfadapter.events import store_deliveries

LOOK_SECONDS = 600.0
# A transaction deletes so many at most, and others write in between.
AT_ONCE = 500

log = structlog.get_logger(__name__)


class EventRetention:
    """Deletes what is too old. `run` is one of the service's loops; replicas may do it at the same time.

    Args:
        kept_for: Events and deliveries are kept so long.
        kept_count: Of the events only so many of the newest are kept.
    """

    def __init__(self, database: Transactions, clock: Clock, *, kept_for: timedelta, kept_count: int) -> None:
        self._database = database
        self._clock = clock
        self._kept_for = kept_for
        self._kept_count = kept_count

    async def run(self) -> None:
        """Forget for ever."""
        while True:
            try:
                await self.forget()
            except DatabaseError as exc:
                log.error("database cannot be used", action="retention_failed", reason=str(exc))
            await self._clock.sleep(LOOK_SECONDS)

    async def forget(self) -> tuple[int, int]:
        """Delete what is too old now. Returns how many events and deliveries went."""
        before = self._clock.now() - self._kept_for
        events = deliveries = 0
        while gone := await self._database.note(self._forget_events, before):
            events += gone
        while gone := await self._database.note(store_deliveries.forget, before, AT_ONCE):
            deliveries += gone
        if events or deliveries:
            log.info("events forgotten", action="events_forgotten", events=events, deliveries=deliveries)
        return events, deliveries

    def _forget_events(self, connection: Connection, before: datetime) -> int:
        """What has not become deliveries yet stays."""
        routed = event_log.mark(connection, store_deliveries.ROUTED)
        return event_log.forget(connection, before=before, kept=self._kept_count, limit=AT_ONCE, up_to=routed)
