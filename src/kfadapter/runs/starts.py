"""The book of starts: every intention is written down before Kubeflow hears of it, and what became of it after."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.runs import store_starts
from kfadapter.runs.store_starts import NewStart, Origin, Start, StartState

__all__ = ["NewStart", "Origin", "Start", "StartBook", "StartState"]

# A create call that takes longer has lost its caller, or its process.
AT_WORK = timedelta(seconds=60)
# So long after it was given up a run may still come from a call that was stuck on its way.
LATE = timedelta(minutes=10)


class StartBook:
    """Keeps starts. All methods raise DatabaseError when the database cannot be used."""

    def __init__(self, database: Transactions, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def intend(self, new: NewStart) -> Start:
        """Write a start down; with a key that is taken by an equal request, that one's start.

        Raises:
            IdempotencyKeyReused: The key came with another request before.
        """
        return await self._database.write(store_starts.intend, new, self._clock.now())

    async def settle(self, run_id: str, state: StartState, reason: str = "") -> None:
        """Write down what became of it."""
        await self._database.write(store_starts.settle, run_id, state, reason, self._clock.now())

    async def of_key(self, key: str) -> Start | None:
        """The start that has this Idempotency-Key."""
        return await self._database.read(store_starts.start_of_key, key)

    async def looked(self, run_id: str) -> None:
        """The run was looked for and not found."""
        await self._database.note(store_starts.looked, run_id, self._clock.now())

    async def unsettled(self, limit: int) -> list[Start]:
        """Starts to look after, those looked at longest ago first."""
        now: datetime = self._clock.now()
        return await self._database.read(store_starts.unsettled, now - AT_WORK, now - LATE, limit)

    async def origin(self, run_id: str) -> Origin | None:
        """Which run this one was cloned from, or takes up again."""
        return await self._database.read(store_starts.origin, run_id)

    async def made_from(self, run_id: str) -> Sequence[str]:
        """The runs that were made from this one."""
        return await self._database.read(store_starts.made_from, run_id)
