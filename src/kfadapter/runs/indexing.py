"""Filling the index in the background, and keeping it true.

One process fills it at a time (a lease). A round asks for what was created and what has ended since the last one, for
the states of runs under way, and for one thing more: a page of the past until all of it is there, then a page that is
compared again, which notices runs that were deleted, archived or retried behind our back. Every page is written down
before the next is asked for, so that a restart goes on where it was.
"""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import structlog

from kfadapter.clock import Clock
from kfadapter.errors import DatabaseError, KubeflowError, LeaseLost
from kfadapter.kubeflow.client import Kubeflow
from kfadapter.kubeflow.filters import Filter
from kfadapter.kubeflow.resources import Page, Run
from kfadapter.kubeflow.runs import FIRST_END
from kfadapter.runs.index import RunIndex
from kfadapter.runs.index_progress import Progress
from kfadapter.runs.index_tasks import TaskWatch
from kfadapter.runs.naming import ThingNames
from kfadapter.runs.sightings import SeenRuns

LEASE = timedelta(seconds=30)
# KFP stores a run some time after the moment it gives as its creation, and notices ends late.
OVERLAP = timedelta(seconds=30)
ACTIVE_BATCH = 150
# While the past is being read, so many calls come without a pause between them.
PAGES_AT_ONCE = 4
# Beside a crowd of watched runs, about whose states and ends the watcher asks as often as Kubeflow should be asked,
# only what is new is asked for, after so many times the usual pause.
CROWDED = 20
# Between two pages that are compared again: so many usual pauses, and so many before beginning anew.
SWEEP_PAUSES = 10
SWEEP_REST_PAUSES = 60
LONGEST_PAUSE_SECONDS = 30.0
SUSPECTS = 600
# News since then: none.
NEVER = datetime.max.replace(tzinfo=UTC)

Mark = Literal["created", "finished"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a list goes on: KFP wants to see the filter that a page token was made with again.

    Attributes:
        edge_ids: Runs met so far whose time is that of the last one met: more of the same time may follow.
    """

    token: str = ""
    filter: Filter | None = None
    edge_ids: frozenset[str] = frozenset()


class Indexer:
    """Fills the index.

    Args:
        source: Which Kubeflow this is: the index of another one is dropped.
        seen: Tells how busy the watcher is.
        tasks: Tells of the tasks of runs under way.
        call_seconds: From one call to Kubeflow to the next, on the average, once the past is there.
    """

    def __init__(
        self,
        kubeflow: Kubeflow,
        index: RunIndex,
        seen: SeenRuns,
        tasks: TaskWatch,
        clock: Clock,
        *,
        source: str,
        call_seconds: float = 1.0,
    ) -> None:
        self._kubeflow = kubeflow
        self._index = index
        self._seen = seen
        self._tasks = tasks
        self._clock = clock
        self._source = source
        self._call_seconds = call_seconds
        self._names = ThingNames(kubeflow, index)
        self._calls = 0
        self._failures = 0
        self._places: dict[str, _Place] = {}
        self._active_after = ""
        self._is_claimed = False

    async def run(self) -> None:
        """Fill it for ever."""
        try:
            while True:
                await self._safe_round()
                await self._clock.sleep(self._pause())
        finally:
            if self._is_claimed:
                await self._index.release()

    async def round(self) -> None:
        """One round, if no other process fills the index.

        Raises:
            KubeflowError: Kubeflow is away: nothing is concluded from that.
            DatabaseError: The database cannot be used.
        """
        self._calls = 0
        progress = await self._index.claim(self._source, until=self._clock.now() + LEASE)
        self._is_claimed = progress is not None
        if progress is None:
            return
        asked_at = self._clock.now()
        progress = await self._begin(progress)
        await self._follow("created", progress.created_mark, asked_at)
        if not self._seen.is_crowded:
            await self._follow("finished", progress.finished_mark, asked_at)
            await self._look_at_active()
        if not self._places.keys() & {"created", "finished"}:
            await self._index.advance(fresh_at=asked_at)
        if not progress.is_complete:
            await self._read_past(progress)
        elif not self._seen.is_crowded:
            await self._compare(progress)
        self._calls += await self._names.learn_some()

    def _pause(self) -> float:
        """The usual pause for each call, more beside a crowd, and longer and longer while Kubeflow is away."""
        calls = max(1, self._calls - (PAGES_AT_ONCE if "past" in self._places else 0))
        pause = self._call_seconds * calls * (CROWDED if self._seen.is_crowded else 1)
        longer: float = pause * 2.0 ** min(self._failures, 6)
        return min(longer, max(LONGEST_PAUSE_SECONDS, pause))

    async def _safe_round(self) -> None:
        try:
            await self.round()
        except LeaseLost:
            self._forget_places()
        except (KubeflowError, DatabaseError) as exc:
            self._failures += 1
            self._forget_places()
            if self._failures == 1:
                log.warning("the index of runs waits", action="index_waits", reason=str(exc))
        except Exception:  # the outermost frame of the loop: one bad round must not end the filling
            self._failures += 1
            self._forget_places()
            log.exception("a round of the index failed", action="index_failed")
        else:
            self._failures = 0

    def _forget_places(self) -> None:
        """Page tokens may have led astray: begin at the marks, which are kept."""
        self._places.clear()

    # What is new

    async def _begin(self, progress: Progress) -> Progress:
        """The first round ever takes the newest page of the past, which is where following begins."""
        if progress.created_mark is not None:
            return progress
        page = await self._ask(_Place(), sort_by="created_at desc", news_since=NEVER)
        newest = page.items[0].created_at if page.items else None
        start = newest or FIRST_END
        await self._past_page(page, start, None)
        ends = [run.finished_at for run in page.items if run.finished_at is not None]
        marks = {"created_mark": start, "finished_mark": max(ends, default=start)}
        await self._index.advance(**marks)
        return await self._index.progress()

    async def _follow(self, mark: Mark, since: datetime | None, asked_at: datetime) -> None:
        """What was created, or has ended, since the mark; a flood is read on in the next round."""
        key = f"{mark}_at"
        start = Filter.at_least(key, max((since or FIRST_END) - OVERLAP, FIRST_END))
        place = self._places.pop(mark, _Place(filter=start))
        for _ in range(PAGES_AT_ONCE):
            page = await self._ask(place, sort_by=key)
            times = [at for run in page.items if (at := _time(run, mark)) is not None]
            if mark == "finished" and since is not None:
                ended = [
                    run for run in page.items if run.finished_at is not None and run.finished_at >= since - OVERLAP
                ]
                self._calls += await self._tasks.look(ended)
            if times and (since is None or max(times) > since):
                # A time from the future, of a node whose clock is wrong, must not blind the list.
                since = min(max(times), max(asked_at, since or asked_at))
                await self._index.advance(**{f"{mark}_mark": since})
            place = replace(place, token=page.next_page_token)
            if not place.token:
                return
        self._places[mark] = place

    async def _look_at_active(self) -> None:
        """The states of runs under way, a batch a round, in turn."""
        ids = await self._index.active(self._active_after, ACTIVE_BATCH)
        if not ids and self._active_after:
            self._active_after = ""
            ids = await self._index.active("", ACTIVE_BATCH)
        self._active_after = ids[-1] if len(ids) == ACTIVE_BATCH else ""
        if ids:
            await self._check(ids)

    async def _check(self, run_ids: list[str]) -> None:
        """Ask for runs by their ids; those Kubeflow does not have are gone."""
        asked_at = self._clock.now()
        found = await self._kubeflow.runs.by_ids(run_ids)
        self._calls += 1
        await self._index.saw(list(found.values()), asked_at=asked_at)
        if not self._seen.is_crowded:
            self._calls += await self._tasks.look([run for run in found.values() if not run.is_archived])
        gone = [run_id for run_id in run_ids if run_id not in found]
        if gone:
            await self._index.removed(gone, on_purpose=False)

    # What was

    async def _read_past(self, progress: Progress) -> None:
        pages = 1 if self._seen.is_crowded else PAGES_AT_ONCE
        back_to = progress.indexed_back_to or FIRST_END
        for _ in range(pages):
            place = self._places.get("past") or _Place(filter=Filter.at_most("created_at", back_to))
            page = await self._ask(place, sort_by="created_at desc", news_since=NEVER)
            back_to = await self._past_page(page, back_to, place.filter)
            if not page.next_page_token:
                return

    async def _past_page(self, page: Page[Run], back_to: datetime, filter: Filter | None) -> datetime:
        """Note how far back the index is after a page, the newest of the past first."""
        oldest = page.items[-1].created_at if page.items else None
        back_to = min(back_to, oldest) if oldest is not None else back_to
        if page.next_page_token:
            self._places["past"] = _Place(token=page.next_page_token, filter=filter)
            await self._index.advance(indexed_back_to=back_to)
        else:
            self._places.pop("past", None)
            await self._index.advance(indexed_back_to=back_to, is_complete=True)
            log.info("all runs are indexed", action="index_complete")
        return back_to

    # What has gone

    async def _compare(self, progress: Progress) -> None:
        """Compare a page of Kubeflow's with the index, from the newest back; after the last page begin anew."""
        now, is_new_start = self._clock.now(), progress.swept_back_to is None
        pauses = SWEEP_REST_PAUSES if is_new_start else SWEEP_PAUSES
        if progress.swept_at is not None and now - progress.swept_at < timedelta(seconds=pauses * self._call_seconds):
            return
        top = progress.swept_back_to
        first = _Place(filter=None if top is None else Filter.at_most("created_at", top))
        place = self._places.pop("sweep", first)
        # A run that came after this round had asked for new ones is on this page first.
        news_since = (progress.created_mark or FIRST_END) - OVERLAP
        page = await self._ask(place, sort_by="created_at desc", news_since=news_since)
        bottom = page.items[-1].created_at if page.items and page.next_page_token else None
        shown = place.edge_ids | {run.run_id for run in page.items}
        await self._remove_missing(shown, bottom, top)
        if page.next_page_token:
            at_edge = {run.run_id for run in page.items if run.created_at == bottom}
            edge_ids = frozenset(at_edge | place.edge_ids if bottom == top else at_edge)
            self._places["sweep"] = replace(place, token=page.next_page_token, edge_ids=edge_ids)
        await self._index.advance(swept_back_to=bottom, swept_at=now)

    async def _remove_missing(self, shown: Set[str], bottom: datetime | None, top: datetime | None) -> None:
        """Runs of the page's stretch of time that Kubeflow has not shown; it is asked for each of them.

        Those of the very time at which the page ends are left to the next page, which may go on with that time: KFP
        gives whole seconds, and hundreds of runs can share one.
        """
        suspects = await self._index.created_between(bottom, top, shown, SUSPECTS)
        for start in range(0, len(suspects), ACTIVE_BATCH):
            await self._check(suspects[start : start + ACTIVE_BATCH])

    async def _ask(self, place: _Place, *, sort_by: str, news_since: datetime | None = None) -> Page[Run]:
        asked_at = self._clock.now()
        page = await self._kubeflow.runs.list(page_token=place.token, sort_by=sort_by, filter=place.filter)
        self._calls += 1
        await self._index.saw(page.items, asked_at=asked_at, news_since=news_since)
        return page


def _time(run: Run, mark: Mark) -> datetime | None:
    values: dict[str, Any] = {"created": run.created_at, "finished": run.finished_at}
    at: datetime | None = values[mark]
    return at
