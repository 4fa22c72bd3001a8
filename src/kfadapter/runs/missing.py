"""What could not be told, and why: an answer lists it, so that nothing is silently empty."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A part of an answer that is missing.

    Attributes:
        what: The part, as `failure.log_tail`.
        reason: A sentence.
    """

    what: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """For an answer."""
        return {"what": self.what, "reason": self.reason}
