"""How long a task waits for its next attempt: pure functions over KFP's retry policy."""

from collections.abc import Mapping
from typing import Any

DEFAULT_BACKOFF_MAX_SECONDS = 3600.0
MOST_DOUBLINGS = 64


def backoff_seconds(policy: Mapping[str, Any], attempts: int) -> float:
    """How long to wait after so many failures beyond the first: `backoffDuration`, times `backoffFactor` each time."""
    first = seconds(policy.get("backoffDuration"))
    limit = seconds(policy.get("backoffMaxDuration")) or DEFAULT_BACKOFF_MAX_SECONDS
    factor = float(policy.get("backoffFactor") or 2.0)
    return min(limit, first * factor ** min(attempts, MOST_DOUBLINGS))


def seconds(duration: Any) -> float:
    """A protobuf duration (`"5s"`) in seconds; 0 when there is none."""
    try:
        return float(str(duration).removesuffix("s")) if duration else 0.0
    except ValueError:
        return 0.0
