"""Results of earlier executions that nothing has used for long, and those beyond the room there is for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kfadapter.engine.config import Keeping
from kfadapter.engine.keeping.surplus import Surplus
from kfadapter.engine.running.cache import StoredResult, stored_results
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.sizes import Inode, shown_bytes, tree_bytes

RESULT = "cached result"
BROKEN_AFTER = timedelta(hours=1)


class Results:
    """Results by last use, and by the room that they take. What goes is made again when a task asks for it.

    Large files are shared with the runs that made or used them: they count here as well, since they stay on the disk
    when those runs go.
    """

    def __init__(self, directory: Path, keeping: Keeping) -> None:
        self._directory = directory
        self._keeping = keeping

    def surplus(self, now: datetime) -> Iterator[Surplus]:
        """The longest unused first."""
        counted: set[Inode] = set()
        found = [(one, tree_bytes(one.path, counted)) for one in stored_results(self._directory)]
        room, taken, too_many = self._keeping.results_bytes, 0, []
        for one, size in found:
            taken += size
            reason = self._age_reason(one, now)
            if not reason and room and taken > room:
                reason = f"results take more than {shown_bytes(room)}"
            if reason:
                too_many.append(_surplus(one, size, reason))
        yield from reversed(too_many)

    def remove(self, one: Surplus) -> bool:
        """A reader that is at it finds a file missing, and its task runs."""
        for found in stored_results(self._directory):
            if found.path == one.path:
                is_unused = datetime.fromtimestamp(found.used_at, UTC) <= one.used_at
                return is_unused and remove_tree(found.path)
        return True

    def _age_reason(self, one: StoredResult, now: datetime) -> str:
        used_at, days = datetime.fromtimestamp(one.used_at, UTC), self._keeping.results_days
        if not one.is_whole:
            return "its making was broken off" if used_at < now - BROKEN_AFTER else ""
        if days and used_at < now - timedelta(days=days):
            return f"not used for more than {days:g} days"
        return ""


def _surplus(one: StoredResult, size: int, reason: str) -> Surplus:
    used_at = datetime.fromtimestamp(one.used_at, UTC)
    return Surplus(kind=RESULT, name=one.path.name, path=one.path, bytes=size, used_at=used_at, reason=reason)
