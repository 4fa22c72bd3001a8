"""Times of the adapter's answers, for people."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE = 60
HOUR = 60 * MINUTE


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time (`/v1`) or an HTTP date (the Training Manager's routes); None for none."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = parsedate_to_datetime(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def moment(text: str | None) -> str:
    """A time as `2026-03-12 09:00:07`, in UTC; empty for none."""
    at = parse_time(text)
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def seconds_between(start: str | None, end: str | None, now: datetime | None = None) -> float | None:
    """How long something took, or has taken until `now` when it has not ended; None before it began."""
    began, ended = parse_time(start), parse_time(end) or now
    if began is None or ended is None:
        return None
    return max(0.0, (ended - began).total_seconds())


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
