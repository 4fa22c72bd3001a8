"""One round of housekeeping over everything below a data directory.

It may be made by the engine or by another process beside it: one at a time, and what is in use is left alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.keeping.environments import Environments
from kfadapter.engine.keeping.runs import EndedRuns, StrayDirectories
from kfadapter.engine.keeping.surplus import Kind, Surplus
from kfadapter.engine.store.database import Store
from kfadapter.errors import EngineError
from kfadapter.lock import exclusive

DATABASE = "engine.sqlite"
LOCK = "keeping.lock"


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What became of a thing that was to go."""

    what: Surplus
    is_gone: bool


class Sweep:
    """Finds what may go, and removes it.

    Args:
        data_dir: The engine's data directory.
        kinds: The kinds of things that are looked after.
    """

    def __init__(self, data_dir: Path, kinds: Sequence[Kind]) -> None:
        self._lock = data_dir / LOCK
        self._kinds = tuple(kinds)

    def look(self, now: datetime) -> list[Surplus]:
        """What may go now; nothing is changed.

        Raises:
            ApiError: The database cannot be read.
        """
        return [one for kind in self._kinds for one in kind.surplus(now)]

    def clear(self, now: datetime, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[Removal]:
        """Remove what may go, one thing after the other, until `is_stopped` says so.

        Raises:
            EngineError: Another round is under way.
            ApiError: The database cannot be read or written.
        """
        try:
            with exclusive(self._lock):
                for kind in self._kinds:
                    for one in list(kind.surplus(now)):
                        if is_stopped():
                            return
                        yield Removal(what=one, is_gone=kind.remove(one))
        except BlockingIOError as exc:
            raise EngineError("housekeeping is under way already") from exc
        except OSError as exc:
            raise EngineError(f"housekeeping cannot lock {self._lock}: {exc.strerror}") from exc


def everything(store: Store, settings: EngineSettings, *, spare: timedelta = timedelta()) -> tuple[Kind, ...]:
    """Every kind of thing that the engine keeps. A new kind is added here.

    Args:
        spare: Runs that ended so lately stay.
    """
    data_dir, keeping = settings.data_dir.absolute(), settings.keeping
    runs_dir = data_dir / "runs"
    return (
        EndedRuns(store, runs_dir, keeping, spare),
        StrayDirectories(store, runs_dir),
        Environments(data_dir / "environments", keeping),
    )


def data_directory(place: Path) -> Path:
    """The engine's own directory, given it or the directory of a whole service.

    Raises:
        EngineError: There is no engine's data.
    """
    for path in (place, place / "engine"):
        if (path / DATABASE).is_file():
            return path
    raise EngineError(f"{place} holds no data of an engine")
