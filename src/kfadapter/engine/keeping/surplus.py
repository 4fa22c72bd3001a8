"""What is kept no longer, and the kinds of things that can be so."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Surplus:
    """One thing that may go.

    Attributes:
        kind: What it is: `run`, `stray directory`, `environment`, `installer cache`.
        name: Its id.
        path: Where its files are.
        bytes: What it takes on the disk; files it shares with things that stay are not counted.
        used_at: When it was used last.
        reason: Why it may go.
    """

    kind: str
    name: str
    path: Path
    bytes: int
    used_at: datetime
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "path": str(self.path),
            "bytes": self.bytes,
            "used_at": self.used_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "reason": self.reason,
        }


class Kind(Protocol):
    """A kind of things that the engine keeps. Calls are synchronous and may come from any thread, one at a time.

    Finding changes nothing. Removing takes the thing's own lock and looks again: somebody may have begun to use it.
    """

    def surplus(self, now: datetime) -> Iterable[Surplus]:
        """What may go, in the order in which it is to go."""
        ...

    def remove(self, one: Surplus) -> bool:
        """Remove it; False when it is in use after all, or cannot be removed."""
        ...
