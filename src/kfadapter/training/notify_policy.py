"""When the Training Manager may be told of an end, and whether it is told at all."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class NotifyPolicy:
    """Rules the ledger follows when it writes notifications.

    The Training Manager commits its own state after it has read the answer to an execution; an earlier notification
    would be overwritten and the job would look unfinished for ever.

    Attributes:
        is_told: False when no Training Manager is configured: ends are recorded and no notification is made.
        grace_seconds: From the moment the execution's answer has been sent until the first notification.
        answer_seconds: The longest an execution's answer takes. While nothing is known of the answer (it is on its
            way, or the service died) the grace time counts from this long after Kubeflow had taken the run.
    """

    is_told: bool = True
    grace_seconds: float = 5.0
    answer_seconds: float = 10.0

    def quiet_after_answer(self, answered_at: datetime) -> datetime:
        """The first moment for a notification once the answer has been sent."""
        return answered_at + timedelta(seconds=self.grace_seconds)

    def quiet_before_answer(self, accepted_at: datetime) -> datetime:
        """The first moment for a notification while the answer is not known to have been sent."""
        return accepted_at + timedelta(seconds=self.answer_seconds + self.grace_seconds)
