"""Processes that share a database: each says that it is alive, one leads, and what the dead had taken is freed.

A replica counts its heartbeats in a row of its own. The others only watch that the count goes on, as Kubernetes'
leader election does: no clock is compared with another machine's. A count that stood still for three looks in a row
is a dead process (or one so slow that it must not hold anything); whoever notices takes its row away and frees what
it had taken, in one transaction. A replica that was taken for dead and lives writes nothing back: every write-back
names its claimant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection, select

from kfadapter.clock import Clock
from kfadapter.database.replica_tables import leases, replicas
from kfadapter.database.transactions import Transactions
from kfadapter.errors import DatabaseError

LOOKS = 3
LEADER = "leader"

Bury = Callable[[Connection, str, datetime], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What a replica sees when it says that it is alive.

    Attributes:
        was_gone: The others had taken it for dead, or it is new.
        others: The other replicas' counts by name.
        leader: Who leads; None: nobody.
    """

    was_gone: bool
    others: dict[str, int]
    leader: str | None


class Replica:
    """This process among those that share its database.

    On SQLite there is no other: it leads, and writes nothing.

    Args:
        name: Unique among all processes, also over time.
        version: This program's version, for people.
        lease_seconds: Who was silent for so long is taken for dead; a third more until that is noticed.
        bury: Free what a dead replica had taken; run inside the transaction that takes its row away.
        on_burial: Called after such a transaction: there may be something to do.
    """

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        *,
        name: str,
        version: str = "",
        lease_seconds: float = 5.0,
        bury: Sequence[Bury] = (),
        on_burial: Callable[[], None] = lambda: None,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self.name = name
        self._version = version
        self._pause_seconds = lease_seconds / LOOKS
        self._bury = tuple(bury)
        self._on_burial = on_burial
        self._counts: dict[str, tuple[int, int]] = {}
        self._leads = transactions.is_sqlite
        self._has_failed = False

    @property
    def leads(self) -> bool:
        """Whether this process does what one of them is enough for."""
        return self._leads

    async def run(self) -> None:
        """Be alive until cancelled, then leave what is held to the others."""
        if self._transactions.is_sqlite:
            return await self._stand_by()
        try:
            while True:
                await self._safe_beat()
                await self._clock.sleep(self._pause_seconds)
        finally:
            await self._leave()

    async def beat(self) -> None:
        """Say that this process is alive, look at the others, and lead if nobody does.

        Raises:
            DatabaseError: The database cannot be used.
        """
        now = self._clock.now()
        seen = await self._transactions.note(beat, self.name, self._version, now)
        if seen.was_gone and self._counts:
            log.error("the other replicas took this one for dead", action="replica_was_gone", replica=self.name)
        for name in self._silent(seen.others):
            if await self._transactions.write(remove, name, seen.others[name], self._bury, now):
                log.warning("a replica is dead; its work is taken over", action="replica_dead", replica=name)
                self._on_burial()
        self._lead(seen.leader == self.name or await self._transactions.note(take_lead, self.name, now))

    async def _safe_beat(self) -> None:
        try:
            await self.beat()
            self._has_failed = False
        except DatabaseError as exc:
            self._lead(False)
            if not self._has_failed:
                log.error("database cannot be used", action="heartbeat_failed", reason=str(exc))
            self._has_failed = True

    def _silent(self, others: dict[str, int]) -> list[str]:
        """Those whose count has stood still for so many looks in a row."""
        self._counts = {
            name: (count, self._counts[name][1] + 1 if self._counts.get(name, (-1, 0))[0] == count else 0)
            for name, count in others.items()
        }
        return [name for name, (_, still) in self._counts.items() if still >= LOOKS]

    def _lead(self, leads: bool) -> None:
        if leads and not self._leads:
            log.info("this replica leads", action="replica_leads", replica=self.name)
        self._leads = leads

    async def _stand_by(self) -> None:
        while True:
            await self._clock.sleep(3600)

    async def _leave(self) -> None:
        self._leads = False
        try:
            await self._transactions.note(leave, self.name)
        except DatabaseError as exc:
            log.warning("the other replicas will notice", action="replica_not_left", reason=str(exc))


def beat(connection: Connection, name: str, version: str, now: datetime) -> Beat:
    """Count on, or come (back) in; see the others."""
    mine = replicas.update().where(replicas.c.name == name).values(beats=replicas.c.beats + 1)
    was_gone = connection.execute(mine).rowcount == 0
    if was_gone:
        row = {"name": name, "version": version, "started_at": now, "beats": 1}
        connection.execute(replicas.insert(), row)
    others = select(replicas.c.name, replicas.c.beats).where(replicas.c.name != name)
    leader = connection.execute(select(leases.c.holder).where(leases.c.name == LEADER)).scalar()
    return Beat(was_gone=was_gone, others={row.name: row.beats for row in connection.execute(others)}, leader=leader)


def remove(connection: Connection, name: str, beats: int, bury: Sequence[Bury], now: datetime) -> bool:
    """Take a dead replica away and free what it had. False: it lives, or somebody else was quicker."""
    dead = replicas.delete().where(replicas.c.name == name, replicas.c.beats == beats)
    if connection.execute(dead).rowcount == 0:
        return False
    connection.execute(leases.update().where(leases.c.holder == name).values(holder=None, since=None))
    for free in bury:
        free(connection, name, now)
    return True


def take_lead(connection: Connection, name: str, now: datetime) -> bool:
    """Lead, unless somebody who is there does."""
    row = connection.execute(select(leases.c.holder).where(leases.c.name == LEADER).with_for_update()).one_or_none()
    if row is None:
        return _first_to_lead(connection, name, now)
    is_there = select(replicas.c.name).where(replicas.c.name == row.holder)
    if row.holder is not None and row.holder != name and connection.execute(is_there).first() is not None:
        return False
    connection.execute(leases.update().where(leases.c.name == LEADER).values(holder=name, since=now))
    return True


def leave(connection: Connection, name: str) -> None:
    """Go in order: the lead is free at once."""
    connection.execute(leases.update().where(leases.c.holder == name).values(holder=None, since=None))
    connection.execute(replicas.delete().where(replicas.c.name == name))


def _first_to_lead(connection: Connection, name: str, now: datetime) -> bool:
    from sqlalchemy.dialects import postgresql, sqlite  # the first replica of all; nobody else needs them

    insert = (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(leases)
    row = {"name": LEADER, "holder": name, "since": now}
    made = insert.on_conflict_do_nothing(index_elements=["name"]).returning(leases.c.name)
    return connection.execute(made, row).first() is not None
