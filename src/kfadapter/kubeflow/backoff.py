"""How long to wait before a read is repeated, and until when. Pure functions and one small value."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """The moment by which a whole call, with its retries and pages, has to be over.

    Attributes:
        at: In the time of the running event loop.
        seconds: How long it was from the start.
    """

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment so many seconds from now."""
        return cls(at=asyncio.get_running_loop().time() + seconds, seconds=seconds)

    def left(self) -> float:
        """Seconds that remain; negative once it has passed."""
        return self.at - asyncio.get_running_loop().time()


def pause_seconds(attempt: int, *, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """The pause after the failed attempt number `attempt` (from 1): doubled each time, capped, half of it jitter."""
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return uniform(longest / 2, longest)


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """What a server asks for with `Retry-After` (RFC 9110): seconds or a date; None when absent or unreadable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
