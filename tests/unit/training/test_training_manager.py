"""What an answer of the Training Manager means, and that nothing it does raises."""

import pytest

from kfadapter.testing.faults import Fault
from kfadapter.testing.training_manager import FakeTrainingManager
from kfadapter.training.training_manager import TrainingManager, Verdict, judge

OWN_ERROR = b'{"Error": "Training Failed"}'


@pytest.mark.parametrize(
    ("status", "content_type", "content", "verdict"),
    [
        (200, "application/json", b'{"Message":"Training successful"}', Verdict.DELIVERED),
        (204, "", b"", Verdict.DELIVERED),
        (202, "text/plain", b"ok", Verdict.DELIVERED),
        (200, "text/html; charset=utf-8", b"<html>sign in</html>", Verdict.RETRY_SLOWLY),
        (500, "application/json", OWN_ERROR, Verdict.DELIVERED),
        (500, "text/html", OWN_ERROR, Verdict.DELIVERED),
        (500, "application/json", b'{"message":"upstream died"}', Verdict.RETRY),
        (500, "text/html", b"<html>", Verdict.RETRY),
        (500, "application/json", b'["Error"]', Verdict.RETRY),
        (429, "", b"", Verdict.RETRY),
        (502, "application/json", OWN_ERROR, Verdict.RETRY),
        (503, "", b"", Verdict.RETRY),
        (504, "", b"", Verdict.RETRY),
        (520, "", b"", Verdict.RETRY),
        (302, "", b"", Verdict.RETRY_SLOWLY),
        (400, "text/html", b"", Verdict.RETRY_SLOWLY),
        (401, "", b"", Verdict.RETRY_SLOWLY),
        (404, "", b"", Verdict.RETRY_SLOWLY),
    ],
)
def test_the_meaning_of_an_answer(status: int, content_type: str, content: bytes, verdict: Verdict) -> None:
    assert judge(status, {"Content-Type": content_type}, content).verdict is verdict


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("-1", None),
        ("999999999", 3600),
        ("nonsense", None),
        ("nan", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_retry_after_is_read_with_care(value: str, seconds: float | None) -> None:
    assert judge(503, {"Retry-After": value}, b"").retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault.reset(), Verdict.RETRY),
        (Fault.close(), Verdict.RETRY),
        (Fault.cut(), Verdict.DELIVERED),
        (Fault.hang(), Verdict.RETRY_SLOWLY),
        (Fault.trickle(), Verdict.DELIVERED),
        (Fault.flood(), Verdict.DELIVERED),
    ],
    ids=str,
)
async def test_whatever_happens_there_is_a_verdict(fault: Fault, verdict: Verdict) -> None:
    with FakeTrainingManager() as fake:
        fake.fail(fault)
        async with TrainingManager(fake.url, timeout_seconds=0.5) as training_manager:
            assert (await training_manager.notify({"trainingjob_id": "7"})).verdict is verdict


async def test_nobody_at_the_address_is_unreachable() -> None:
    with FakeTrainingManager() as fake:
        fake.outage()
        async with TrainingManager(fake.url) as training_manager:
            answer = await training_manager.notify({"trainingjob_id": "7"})
    assert answer.verdict is Verdict.RETRY
    assert answer.is_unreachable


@pytest.mark.parametrize("url", ["http://no-such-host.invalid:1", "http://[::1", "http://127.0.0.1:99999"])
async def test_a_wrong_address_is_a_verdict_too(url: str) -> None:
    async with TrainingManager(url, timeout_seconds=5) as training_manager:
        assert (await training_manager.notify({})).verdict in (Verdict.RETRY, Verdict.RETRY_SLOWLY)


async def test_every_notification_has_a_connection_of_its_own() -> None:
    with FakeTrainingManager() as fake:
        async with TrainingManager(fake.url + "/") as training_manager:
            for _ in range(3):
                answer = await training_manager.notify(
                    {"trainingjob_id": "7", "run_id": "r", "run_status": "SUCCEEDED"}
                )
                assert answer.status == 200
        assert len(fake.notifications) == 3
