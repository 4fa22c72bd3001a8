"""Times in answers under `/v1`."""

from datetime import UTC, datetime


def rfc3339(at: datetime | None) -> str | None:
    """The time in UTC with a `Z`."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
