"""The loop that lets training jobs go that are long over, where a setting asks for that."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError
from kfadapter.training.ledger import Ledger

PAUSE_SECONDS = 600.0
# A transaction forgets so many jobs: others that write are not kept waiting.
AT_ONCE = 100

log = structlog.get_logger(__name__)


class JobRetention:
    """Forgets.

    Args:
        keep_days: Jobs are kept so long after their newest execution; 0: for ever.
        leads: Whether this process is the one that forgets; of several replicas one is enough.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, *, keep_days: float, leads: Callable[[], bool] = lambda: True
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._leads = leads

    async def run(self) -> None:
        """Forget for ever."""
        while True:
            await self._clock.sleep(PAUSE_SECONDS)
            if self._keep and self._leads():
                await self._safe_round()

    async def forget(self) -> int:
        """One round: everything that may go. Returns how many jobs went.

        Raises:
            DatabaseError: The ledger cannot be used.
        """
        before, forgotten = self._clock.now() - self._keep, 0
        while (count := await self._ledger.forget_jobs(before=before, limit=AT_ONCE)) > 0:
            forgotten += count
        return forgotten

    async def _safe_round(self) -> None:
        try:
            if count := await self.forget():
                log.info("training jobs forgotten", action="jobs_forgotten", count=count)
        except DatabaseError as exc:
            log.error("ledger cannot be used", action="retention_failed", reason=str(exc))
        except Exception:  # the outermost frame of the loop: one bad round must not end it
            log.exception("a round of the retention failed", action="retention_failed")
