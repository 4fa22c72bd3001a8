"""When a delivery that failed is tried again, and when no more. Pure."""

from dataclasses import dataclass
from datetime import timedelta

JITTER = 0.25


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How patient the service is.

    Attributes:
        give_up_after: A delivery that fails so long after its first try is dead.
        disable_after: A subscription none of whose deliveries has succeeded for so long, though tried, is disabled.
    """

    give_up_after: timedelta = timedelta(days=3)
    disable_after: timedelta = timedelta(days=5)


def delivery_pause(failures: int, chance: float) -> timedelta:
    """How long one delivery waits after so many failed tries: 5 seconds, doubled each time, up to 3 hours."""
    return _pause(5, 3 * 3600, failures, chance)


def receiver_pause(failures: int, chance: float) -> timedelta:
    """How long a receiver in trouble is left alone: 1 second, doubled with every failure in a row, up to 5 minutes."""
    return _pause(1, 300, failures, chance)


def _pause(first_seconds: float, longest_seconds: float, failures: int, chance: float) -> timedelta:
    """Exponential, capped, and a quarter more or less by chance (0 to 1), so that what failed together parts."""
    doublings = min(max(failures, 1) - 1, 40)
    seconds = min(first_seconds * 2.0**doublings, longest_seconds)
    return timedelta(seconds=seconds * (1 + JITTER * (2 * chance - 1)))
