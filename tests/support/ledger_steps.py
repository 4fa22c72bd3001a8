"""Steps of a training job on a ledger, at times counted from one moment."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_notifications import DeliveryReport
from kfadapter.training.ledger_watch import Sighting
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.records import Notification, TrainingRun
from kfadapter.training.states import NotificationState
from support.training import make_request

NOW = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
POLICY = NotifyPolicy(grace_seconds=5, answer_seconds=10)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def intend(ledger: Ledger, job_id: str = "7", at: float = 0, **overrides: Any) -> TrainingRun:
    request = make_request(job_id, **overrides)
    run_id = str(uuid4())
    return (await ledger.intend(request, run_id=run_id, claimed_until=later(at + 60), now=later(at))).run


async def start(ledger: Ledger, job_id: str = "7", at: float = 0, *, is_answered: bool = True, **overrides: Any) -> str:
    run = await intend(ledger, job_id, at, **overrides)
    await ledger.accept(run.run_id, word="PENDING", created_at=later(at), now=later(at))
    if is_answered:
        await ledger.answered(run.run_id, now=later(at))
    return run.run_id


async def end(ledger: Ledger, run_id: str, word: str = "SUCCEEDED", at: float = 1) -> list[TrainingRun]:
    return await ledger.observe([Sighting(run_id=run_id, word=word, finished_at=later(at))], now=later(at))


async def claim(ledger: Ledger, at: float, limit: int = 100, lease: float = 60) -> list[Notification]:
    return await ledger.claim_due(now=later(at), until=later(at + lease), limit=limit)


def report(notification: Notification, at: float, state: str = "delivered", **changes: Any) -> DeliveryReport:
    fields: dict[str, Any] = {
        "notification_id": notification.notification_id,
        "run_id": notification.run_id,
        "started_at": later(at),
        "ended_at": later(at),
        "outcome": "delivered" if state == "delivered" else "retry",
        "status": 200,
        "answer": "ok",
        "next_state": NotificationState(state),
        "not_before": later(at + 10),
    }
    return DeliveryReport(**{**fields, **changes})


async def notification_of(ledger: Ledger, run_id: str) -> Notification | None:
    record = await ledger.run_record(run_id)
    assert record is not None
    return record.notification
