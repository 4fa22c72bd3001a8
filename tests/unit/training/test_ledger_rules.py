"""The ledger under any order of events: one end, at most one notification, none for those who must not hear."""

import asyncio
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from kfadapter.database.transactions import Transactions
from kfadapter.errors import IdempotencyKeyReused, LeaseLost, NotRedeliverable, TransitionRefused
from kfadapter.training.ledger import Ledger
from kfadapter.training.ledger_launches import bury
from kfadapter.training.ledger_notifications import DeliveryReport
from kfadapter.training.ledger_watch import Sighting
from kfadapter.training.notify_policy import NotifyPolicy
from kfadapter.training.records import ExecutionKey, Notification, TrainingRun
from kfadapter.training.states import NotificationState, RunState
from support.training import make_request

T = TypeVar("T")

WORDS = ("PENDING", "RUNNING", "CANCELING", "SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "NEW_WORD")


class LedgerRules(RuleBasedStateMachine):
    """Callers, watchers and a Training Manager act in any order on a real ledger."""

    runs = Bundle("runs")
    claims = Bundle("claims")

    @initialize()
    def open(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._directory = tempfile.TemporaryDirectory()
        self._url = f"sqlite:///{Path(self._directory.name) / 'ledger.sqlite'}"
        self._open_ledger()
        self._now = datetime(2030, 1, 1, tzinfo=UTC)
        self._ends: dict[str, RunState] = {}
        self._payloads: dict[str, str] = {}
        self._keyed: dict[tuple[str, int], str] = {}
        self._delivered: list[tuple[str, int]] = []

    def _open_ledger(self) -> None:
        self._database = Transactions.open(self._url)
        self._ledger = Ledger(self._database, policy=NotifyPolicy(grace_seconds=5, answer_seconds=10))

    def teardown(self) -> None:
        self._database.close()
        self._loop.close()
        self._directory.cleanup()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    @rule(target=runs, job=st.sampled_from("123"), number=st.integers(0, 3), is_keyed=st.booleans())
    def intend(self, job: str, number: int, is_keyed: bool) -> str:
        until = self._now + timedelta(seconds=60)
        key = ExecutionKey(value=f"key-{number}", digest=str(number)) if is_keyed else None
        request = make_request(job, parameters={"n": number}, key=key)
        intended = self._do(self._ledger.intend(request, run_id=str(uuid4()), claimed_until=until, now=self._now))
        run = intended.run
        if is_keyed:
            known = self._keyed.get((job, number))
            assert known is None or known == run.run_id or self._run(known).accepted_at is None
            if not intended.is_joined:
                self._keyed[job, number] = run.run_id
        return run.run_id

    @rule(job=st.sampled_from("123"), number=st.integers(0, 3))
    def reuse_a_key(self, job: str, number: int) -> None:
        if (job, number) not in self._keyed:
            return
        key = ExecutionKey(value=f"key-{number}", digest="another request")
        request = make_request(job, parameters={"n": 9}, key=key)
        refused = self._ledger.intend(request, run_id=str(uuid4()), claimed_until=self._now, now=self._now)
        with pytest.raises(IdempotencyKeyReused):
            self._do(refused)

    @rule(job=st.sampled_from("123"), sequence=st.integers(1, 4))
    def redeliver(self, job: str, sequence: int) -> None:
        record = self._do(self._ledger.job(job))
        told = {one.notification.sequence: one for one in (record.runs if record else ()) if one.notification}
        try:
            found = self._do(self._ledger.redeliver(job, sequence, now=self._now))
        except NotRedeliverable:
            assert not told[sequence].run.is_told
            return
        assert (found is None) == (sequence not in told)
        if found is not None:
            assert told[sequence].run.is_told
            self._delivered = [one for one in self._delivered if one[0] != job]  # its order begins anew

    @rule()
    def bury_this_process(self) -> None:
        """The other replicas take this one for dead: it holds nothing any more."""
        self._do(self._database.write(bury, self._ledger.claimant, self._now))

    @rule(run_id=runs)
    def accept(self, run_id: str) -> None:
        self._allowed(self._ledger.accept(run_id, word="PENDING", created_at=self._now, now=self._now))

    @rule(run_id=runs)
    def answer(self, run_id: str) -> None:
        if self._run(run_id).accepted_at is not None:
            self._do(self._ledger.answered(run_id, now=self._now))

    @rule(run_id=runs)
    def doubt(self, run_id: str) -> None:
        self._do(self._ledger.doubt(run_id, reason="cut", now=self._now))

    @rule(run_id=runs, state=st.sampled_from([RunState.REFUSED, RunState.NOT_STARTED]), is_told=st.booleans())
    def close(self, run_id: str, state: RunState, is_told: bool) -> None:
        self._allowed(self._ledger.close_intention(run_id, state, reason="no", is_told=is_told, now=self._now))

    @rule(run_id=runs, word=st.sampled_from(WORDS))
    def see(self, run_id: str, word: str) -> None:
        self._do(self._ledger.observe([Sighting(run_id=run_id, word=word)], now=self._now))

    @rule(run_id=runs)
    def lose(self, run_id: str) -> None:
        self._allowed(self._ledger.lose(run_id, reason="gone", now=self._now))

    @rule(run_id=runs)
    def dismiss(self, run_id: str) -> None:
        self._do(self._ledger.dismiss(run_id, now=self._now))

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)

    @rule(target=claims)
    def claim(self) -> Any:
        until = self._now + timedelta(seconds=60)
        claimed = self._do(self._ledger.claim_due(now=self._now, until=until, limit=2))
        for one in claimed:
            run = self._run(one.run_id)
            assert run.is_told, "a notification that nobody wants was claimed"
            assert run.quiet_until is None or run.quiet_until <= self._now, "told before the grace time was over"
        return multiple(*claimed)

    @rule(notification=consumes(claims), is_delivered=st.booleans())
    def write_back(self, notification: Notification, is_delivered: bool) -> None:
        state = NotificationState.DELIVERED if is_delivered else NotificationState.PENDING
        report = DeliveryReport(
            notification_id=notification.notification_id,
            run_id=notification.run_id,
            started_at=self._now,
            ended_at=self._now,
            outcome="delivered" if is_delivered else "retry",
            status=200,
            answer="",
            next_state=state,
            not_before=self._now + timedelta(seconds=5),
        )
        try:
            written = self._do(self._ledger.write_back(report))
        except LeaseLost:
            return
        if written is NotificationState.DELIVERED:
            self._delivered.append((notification.job_id, notification.sequence))

    @rule()
    def restart(self) -> None:
        self._database.close()
        self._open_ledger()
        self._do(self._ledger.take_over(now=self._now))

    @invariant()
    def every_rule_of_the_house_holds(self) -> None:
        for job in self._do(self._ledger.jobs(limit=10)):
            record = self._do(self._ledger.job(job.head.job_id))
            assert record is not None
            told = [one for one in record.runs if one.notification and one.notification.state == "pending"]
            assert all(one.run.is_told for one in told)
            newest = max((one.run.attempt for one in record.runs if one.run.accepted_at), default=0)
            for one in record.runs:
                self._check_end(one.run.run_id, one.run.state)
                assert one.run.superseded_by is None or one.run.attempt < newest
                if one.run.attempt < newest:
                    assert one.run.superseded_by is not None
                if one.notification is not None:
                    assert one.run.state.is_end
                    status = one.notification.payload["run_status"]
                    assert self._payloads.setdefault(one.run.run_id, status) == status
        in_order = sorted(self._delivered)
        assert len(set(in_order)) == len(in_order), "a notification was delivered twice"
        for job_id in "123":
            of_job = [sequence for owner, sequence in self._delivered if owner == job_id]
            assert of_job == sorted(of_job)

    def _check_end(self, run_id: str, state: RunState) -> None:
        if state.is_end:
            assert self._ends.setdefault(run_id, state) is state, "an end was overwritten"
        else:
            assert run_id not in self._ends, "a run came back to life"

    def _allowed(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            self._do(work)
        except TransitionRefused:
            return

    def _run(self, run_id: str) -> TrainingRun:
        run = self._do(self._ledger.run(run_id))
        assert run is not None
        return run


LedgerRules.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLedgerRules = LedgerRules.TestCase
