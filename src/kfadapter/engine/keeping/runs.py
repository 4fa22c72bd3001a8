"""Runs that have ended, and directories that no run owns."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kfadapter.engine.config import Keeping
from kfadapter.engine.keeping.sizes import shown_bytes, tree_bytes
from kfadapter.engine.keeping.surplus import Surplus
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.run_directory import RunDirectory
from kfadapter.engine.store.database import Store
from kfadapter.engine.store.ended import EndedRun, drop_ended, ended_runs, owned

RUN = "run"
STRAY = "stray directory"
STRAY_AFTER = timedelta(days=1)


class EndedRuns:
    """Ended runs beyond an age, a number or a size. A run goes as the API's delete removes it: row, tasks, files.

    Args:
        spare: Runs that ended so lately stay in any case: their callers may not have seen the end yet.
    """

    def __init__(self, store: Store, runs_dir: Path, keeping: Keeping, spare: timedelta) -> None:
        self._store = store
        self._runs_dir = runs_dir
        self._keeping = keeping
        self._spare = spare
        self._sizes: dict[EndedRun, int] = {}

    def surplus(self, now: datetime) -> Iterator[Surplus]:
        """The longest ended first."""
        if not (self._keeping.runs_days or self._keeping.runs or self._keeping.runs_bytes):
            return
        latest = int((now - self._spare).timestamp())
        runs = self._store.fetch(ended_runs)
        yield from (one for one in reversed(self._judged(runs, now)) if one.used_at.timestamp() <= latest)

    def remove(self, one: Surplus) -> bool:
        directory = RunDirectory(one.path)
        if directory.living_runner() is not None:
            return False
        if not self._store.submit(drop_ended, one.name, int(one.used_at.timestamp())).result():
            return False
        return remove_tree(directory.path)

    def _judged(self, runs: list[EndedRun], now: datetime) -> list[Surplus]:
        """What is too much among runs, which come with the last ended first."""
        limits, total, found = self._keeping, 0, []
        oldest = now - timedelta(days=limits.runs_days) if limits.runs_days else None
        sizes: dict[EndedRun, int] = {}
        for place, run in enumerate(runs):
            ended_at = datetime.fromtimestamp(run.ended_at, UTC)
            reason = ""
            if oldest is not None and ended_at < oldest:
                reason = f"ended more than {limits.runs_days:g} days ago"
            elif limits.runs and place >= limits.runs:
                reason = f"more than {limits.runs} runs have ended since"
            if reason or limits.runs_bytes:
                sizes[run] = self._size(run)
                total += sizes[run]
            if not reason and limits.runs_bytes and total > limits.runs_bytes:
                reason = f"runs that ended since take {shown_bytes(limits.runs_bytes)} with it"
            if reason:
                path = self._runs_dir / run.run_id
                found.append(
                    Surplus(kind=RUN, name=run.run_id, path=path, bytes=sizes[run], used_at=ended_at, reason=reason)
                )
        self._sizes = sizes
        return found

    def _size(self, run: EndedRun) -> int:
        """What an ended run takes changes no more, so it is counted once."""
        known = self._sizes.get(run)
        return tree_bytes(self._runs_dir / run.run_id) if known is None else known


class StrayDirectories:
    """Directories among the runs' own whose run is not known (any more): what an interrupted removal left."""

    def __init__(self, store: Store, runs_dir: Path) -> None:
        self._store = store
        self._runs_dir = runs_dir

    def surplus(self, now: datetime) -> Iterator[Surplus]:
        # A run is stored before it has a directory: looked at in this order, none is missed.
        names = {path.name for path in self._runs_dir.glob("*") if path.is_dir() and not path.is_symlink()}
        for name in sorted(names - self._store.fetch(owned, names)):
            found = self._stray(name)
            if found is not None and found.used_at < now - STRAY_AFTER:
                yield replace(found, bytes=tree_bytes(found.path))

    def remove(self, one: Surplus) -> bool:
        if self._store.fetch(owned, {one.name}) or RunDirectory(one.path).living_runner() is not None:
            return False
        return remove_tree(one.path)

    def _stray(self, name: str) -> Surplus | None:
        path = self._runs_dir / name
        if RunDirectory(path).living_runner() is not None:
            return None
        try:
            touched = max(one.stat().st_mtime for one in (path, RunDirectory(path).events) if one.exists())
        except (OSError, ValueError):
            return None
        at = datetime.fromtimestamp(touched, UTC)
        return Surplus(kind=STRAY, name=name, path=path, bytes=0, used_at=at, reason="no run has it")
