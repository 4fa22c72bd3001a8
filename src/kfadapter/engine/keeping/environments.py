"""Task environments that nothing has used for long, and those beyond the room there is for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kfadapter.engine.config import Keeping
from kfadapter.engine.keeping.surplus import Surplus
from kfadapter.engine.running.environment_files import (
    CACHE,
    StoredEnvironment,
    remove_cache,
    remove_environment,
    stored,
)
from kfadapter.engine.running.sizes import Inode, shown_bytes, tree_bytes

ENVIRONMENT = "environment"
CACHE_KIND = "installer cache"
BROKEN_AFTER = timedelta(hours=1)


class Environments:
    """Environments by last use, and by the room that they take together with the installers' cache.

    What goes is built again when a task asks for it. Files are shared by hard links: each counts for the environment
    that was used last, so that what goes first, the cache and then the longest unused, frees what is said.
    """

    def __init__(self, directory: Path, keeping: Keeping) -> None:
        self._directory = directory
        self._keeping = keeping

    def surplus(self, now: datetime) -> Iterator[Surplus]:
        counted: set[Inode] = set()
        found = [(one, tree_bytes(one.path, counted)) for one in stored(self._directory)]
        cache = tree_bytes(self._directory / CACHE, counted)
        left, room = sum(size for _, size in found) + cache, self._keeping.environments_bytes
        reasons = {one.key: self._age_reason(one, now) for one, _ in found}
        left -= sum(size for one, size in found if reasons[one.key])
        too_much = f"environments take more than {shown_bytes(room)}"
        if room and left > room and cache:
            left -= cache
            yield self._cache(cache, now, too_much)
        for one, size in reversed(found):
            if not reasons[one.key] and room and left > room:
                reasons[one.key], left = too_much, left - size
        yield from (_surplus(one, size, reasons[one.key]) for one, size in reversed(found) if reasons[one.key])

    def remove(self, one: Surplus) -> bool:
        if one.kind == CACHE_KIND:
            return remove_cache(self._directory)
        return remove_environment(self._directory, one.name, unless_used_since=one.used_at)

    def _age_reason(self, one: StoredEnvironment, now: datetime) -> str:
        used_at, days = datetime.fromtimestamp(one.used_at, UTC), self._keeping.environments_days
        if not one.is_ready:
            return "its build was broken off" if used_at < now - BROKEN_AFTER else ""
        if days and used_at < now - timedelta(days=days):
            return f"not used for more than {days:g} days"
        return ""

    def _cache(self, size: int, now: datetime, reason: str) -> Surplus:
        path = self._directory / CACHE
        return Surplus(kind=CACHE_KIND, name=CACHE, path=path, bytes=size, used_at=now, reason=reason)


def _surplus(one: StoredEnvironment, size: int, reason: str) -> Surplus:
    used_at = datetime.fromtimestamp(one.used_at, UTC)
    return Surplus(kind=ENVIRONMENT, name=one.key, path=one.path, bytes=size, used_at=used_at, reason=reason)
