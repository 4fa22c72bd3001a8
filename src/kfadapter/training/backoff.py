"""How long to wait before the next try. Pure: the caller brings the chance in."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential, capped, jittered.

    Attributes:
        first_seconds: The delay after the first failed try, before jitter.
        cap_seconds: No delay is longer, before jitter.
        jitter: The share of a delay that chance may add or take away, 0 … 1.
    """

    first_seconds: float
    cap_seconds: float
    jitter: float = 0.25

    def delay_seconds(self, failures: int, chance: float) -> float:
        """The delay after so many failed tries in a row.

        Args:
            failures: 1 after the first failure.
            chance: A random number from 0 to 1; 0.5 means no jitter.
        """
        doublings = min(max(failures, 1) - 1, 60)
        delay = min(self.first_seconds * 2.0**doublings, self.cap_seconds)
        return delay * (1 + self.jitter * (2 * chance - 1))


QUICKLY = Backoff(first_seconds=1, cap_seconds=300)
"""After a failure that surely or probably left no trace: refused connections, 429, 502, 503, 504."""

SLOWLY = Backoff(first_seconds=60, cap_seconds=1800)
"""After a try that may have been understood (timeout), or one that a person must repair (a wrong address)."""
