"""The index of runs: all runs of this Kubeflow in our own store, to be filtered, sorted and paged at once.

Kubeflow answers neither "the runs of this pipeline" nor names nor labels. What it says of runs is copied here by
`runs.indexing`; lists are read from here, details always from Kubeflow.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from kfadapter.clock import Clock
from kfadapter.database.transactions import Transactions
from kfadapter.events.types import EventType
from kfadapter.kubeflow.resources import Run
from kfadapter.runs import index_events, index_pages, index_progress, index_rows
from kfadapter.runs.index_backlog import Backlog
from kfadapter.runs.index_pages import IndexedRun
from kfadapter.runs.index_progress import Progress
from kfadapter.runs.index_rows import Change, Seen, Unnamed
from kfadapter.runs.queries import RunQuery, read_token, write_token

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """A page of runs, and how far the index was that it was read from.

    Attributes:
        next_page_token: "" on the last page.
    """

    items: tuple[IndexedRun, ...]
    next_page_token: str
    progress: Progress


class RunIndex:
    """Reads and writes the index. Every method raises DatabaseError when the database cannot be used.

    Args:
        introduce: Learns what runs are called before they are told of for the first time.
    """

    def __init__(
        self,
        database: Transactions,
        clock: Clock,
        introduce: Callable[[Sequence[Run]], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._introduce = introduce
        self.claimant = uuid.uuid4().hex
        self._backlog = Backlog(self._write)

    async def close(self) -> None:
        """Write what is still to be written."""
        await self._backlog.close()

    # Reading

    async def page(self, query: RunQuery, *, page_size: int, page_token: str = "") -> RunPage:
        """One page.

        Raises:
            BadPageToken: The token is none of ours, or belongs to another query.
        """
        after = read_token(query, page_token)
        items, last = await self._read(index_pages.page, query, page_size, after)
        token = "" if last is None else write_token(query, last)
        return RunPage(items=tuple(items), next_page_token=token, progress=await self.progress())

    async def rows(self, run_ids: Sequence[str]) -> dict[str, IndexedRun]:
        """Runs by their ids, as far as the index has them."""
        return {row.run_id: row for row in await self._read(index_pages.rows_of, run_ids)}

    async def progress(self) -> Progress:
        """How far the index is."""
        return await self._database.read(index_progress.progress)

    # What Kubeflow said

    async def saw(self, runs: Sequence[Run], *, asked_at: datetime, news_since: datetime | None = None) -> list[Change]:
        """Write down what Kubeflow showed, and tell it as events; the changes of state among it.

        Args:
            asked_at: When Kubeflow was asked: older answers never overwrite newer ones.
            news_since: These are a page of the past: runs that are new to the index and were created before this time
                are not told of. None: whatever is new has just happened.
        """
        if not runs:
            return []
        if news_since is not None:
            await self._backlog.written()  # what was just started here is news, whatever page it is on
        seen = [Seen(run=run, asked_at=asked_at) for run in runs]
        return await self._write(seen, news_since)

    def will_see(self, run: Run, *, asked_at: datetime) -> None:
        """The same, soon: for who must not wait for it. Readers of this index find it at once."""
        self._backlog.add(Seen(run=run, asked_at=asked_at))

    async def _write(self, seen: Sequence[Seen], news_since: datetime | None = None) -> list[Change]:
        if self._introduce is not None and (young := [one.run for one in seen if _is_young(one.run, news_since)]):
            await self._introduce(young)
        return await self._database.note_aside(_record_and_tell, seen, self._clock.now(), news_since)

    async def removed(self, run_ids: Sequence[str], *, on_purpose: bool) -> None:
        """Kubeflow does not have these runs any more; deleted on purpose, their labels go too."""
        await self._backlog.written()
        await self._database.note(index_rows.remove, run_ids, with_labels=on_purpose)

    async def moved(self, run_id: str, kind: EventType) -> None:
        """Tell that a run was archived, taken back or deleted."""
        await self._backlog.written()
        await self._database.note(index_events.tell_place, run_id, kind, self._clock.now())

    # Labels

    async def label(self, run_id: str, changes: Mapping[str, str | None]) -> dict[str, str]:
        """Add, change and (None) remove labels of a run; those it has then."""
        return await self._database.write(index_rows.set_labels, run_id, changes)

    async def labels(self, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """The labels of runs; those without any are missing."""
        return await self._database.read(index_rows.labels_of, run_ids)

    # Filling

    async def claim(self, source: str, *, until: datetime) -> Progress | None:
        """Take the filling, or keep it; None: another process has it."""
        return await self._database.note(index_progress.claim, self.claimant, source, self._clock.now(), until)

    async def advance(self, **values: object) -> None:
        """Write down how far the index is; raises LeaseLost when another process fills it."""
        await self._database.note(index_progress.advance, self.claimant, values)

    async def release(self) -> None:
        """Let another process fill it at once."""
        await self._database.note(index_progress.release, self.claimant)

    async def active(self, after: str, limit: int) -> list[str]:
        """Ids of runs that had not ended, in the order of ids, from behind one."""
        return await self._read(index_rows.active_runs, after, limit)

    async def created_between(
        self, after: datetime | None, newest: datetime | None, without: Set[str], limit: int
    ) -> list[str]:
        """Ids of runs created after a time and not after another one, without some of them; the newest first."""
        return await self._read(index_rows.created_between, after, newest, without, limit)

    async def unnamed(self, limit: int) -> list[Unnamed]:
        """Things whose names are not known or old."""
        return await self._read(index_rows.unnamed, self._clock.now(), limit)

    async def never_asked(self, ids: Sequence[str]) -> list[Unnamed]:
        """Those of these things that Kubeflow was never asked for."""
        return await self._read(index_rows.never_asked, ids)

    async def nameless(self, limit: int) -> list[Unnamed]:
        """Things that Kubeflow was never asked for."""
        return await self._read(index_rows.nameless, limit)

    async def named(self, names: Mapping[int, str | None]) -> None:
        """Keep names; None: the thing has gone, and keeps the name it had."""
        await self._database.note(index_rows.name_things, names, self._clock.now())

    async def _read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A look at the index with everything in it that was seen before."""
        await self._backlog.written()
        return await self._database.read(work, *args, **kwargs)


def _record_and_tell(
    connection: Connection, seen: Sequence[Seen], now: datetime, since: datetime | None
) -> list[Change]:
    """In one transaction: what is in the index is told, and what is told is there."""
    changes = index_rows.record(connection, seen)
    news = [change for change in changes if change.before is not None or _is_young(change.run, since)]
    if news:
        index_events.tell(connection, news, now)
    return changes


def _is_young(run: Run, since: datetime | None) -> bool:
    return since is None or run.created_at is None or run.created_at >= since
